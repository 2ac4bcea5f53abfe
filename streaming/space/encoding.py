"""A batch of items through TorchServe: posters fetched, vectors checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from streaming.blobs import BlobStore, CorruptBlobError
from streaming.control.documents import SpaceDocument
from streaming.documents import VectorDocument, encode_vector
from streaming.documents.vector import SCHEMA
from streaming.encoder.client import EncoderClient
from streaming.encoder.exceptions import EncoderUnavailableError
from streaming.events import Item
from streaming.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """``record``: the value for the vectors topic; or ``error``: why there will never be one."""

    record: bytes | None
    error: str | None = None


class ItemEncoding:
    """Turns items into records of the space's vectors topic."""

    def __init__(self, settings: Settings, space: SpaceDocument) -> None:
        self._space = space
        self._blobs = BlobStore(settings)
        self._client = EncoderClient(settings, space.version, space.package)

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    def encode(self, items: Sequence[Item]) -> list[Outcome]:
        """An outcome for each item, in order.

        Raises:
            UnavailableError, NotFoundError: TorchServe or the poster store is away, or the version is not
                registered: the same items may succeed later.
        """
        posters: list[bytes | None] = []
        outcomes: dict[int, Outcome] = {}
        for index, item in enumerate(items):
            try:
                posters.append(self._poster(item))
            except CorruptBlobError as error:
                posters.append(None)
                outcomes[index] = Outcome(None, str(error))
        wanted = [i for i in range(len(items)) if i not in outcomes]
        encoded = self._client.encode([items[i] for i in wanted], [posters[i] for i in wanted])
        for i, result in zip(wanted, encoded, strict=True):
            outcomes[i] = self._outcome(items[i], result.vector, result.error)
        return [outcomes[i] for i in range(len(items))]

    def _poster(self, item: Item) -> bytes | None:
        if not item.poster_sha256:
            return None
        try:
            return self._blobs.get(item.poster_sha256)
        except OSError as error:
            raise EncoderUnavailableError(f"the poster store does not answer: {error}") from None

    def _outcome(
        self, item: Item, vector: np.typing.NDArray[np.float32] | None, error: str | None
    ) -> Outcome:
        if vector is None:
            return Outcome(None, error or "the encoder gave no vector and no reason")
        if vector.shape != (self._space.dim,):
            return Outcome(None, f"the encoder gave {list(vector.shape)}, the space has {self._space.dim}")
        if not np.isfinite(vector).all():
            return Outcome(None, "the encoder gave NaN or infinity")
        document = VectorDocument(
            SCHEMA,
            np.ascontiguousarray(vector, dtype="<f4").tobytes(),
            item.title,
            item.year,
            item.genres,
            f"sha256:{item.poster_sha256}" if item.poster_sha256 else item.poster_url,
            f"{self._space.package}@{self._space.version}",
        )
        return Outcome(encode_vector(document))


Encode = Callable[[Sequence[Item]], list[Outcome]]
