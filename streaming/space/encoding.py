"""A batch of items through TorchServe: posters fetched, vectors checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from streaming.blobs import BlobStore, CorruptBlobError
from streaming.control.documents import SpaceDocument
from streaming.documents import VectorDocument, encode_vector
from streaming.documents.vector import SCHEMA
from streaming.encoder.client import EncoderClient
from streaming.encoder.exceptions import EncoderDiedError, EncoderUnavailableError
from streaming.encoder.wire import Encoded
from streaming.events import Item
from streaming.observability.logging import get_logger
from streaming.settings import Settings

DEATHS = 2
"""So often the encoder's process dies on a film alone, after once with others, until it is the film's doing.
Each death keeps everybody from the encoder until TorchServe has started it again, later each time."""
READY_S = 60.0
"""How long a process that died may take to come back, before the batch is begun again."""

log = get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """``record``: the value for the vectors topic; or ``error``: why there will never be one."""

    record: bytes | None
    error: str | None = None


class ItemEncoding:
    """Turns items into records of the space's vectors topic."""

    def __init__(
        self, settings: Settings, space: SpaceDocument, before_request: Callable[[], None] = lambda: None
    ) -> None:
        self._space, self._before_request = space, before_request
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
        encoded = self._encode([items[i] for i in wanted], [posters[i] for i in wanted])
        for i, result in zip(wanted, encoded, strict=True):
            outcomes[i] = self._outcome(items[i], result.vector, result.error)
        return [outcomes[i] for i in range(len(items))]

    def _encode(self, items: Sequence[Item], posters: Sequence[bytes | None]) -> list[Encoded]:
        try:
            return self._client.encode(items, posters, self._before_request)
        except EncoderDiedError as error:
            log.warning("the encoder died; films are asked one by one", items=len(items), error=str(error))
        return [self._alone(item, poster) for item, poster in zip(items, posters, strict=True)]

    def _alone(self, item: Item, poster: bytes | None) -> Encoded:
        """One film that may be what kills the encoder. An outage looks alike, but not time after time."""
        deaths, deadline = 0, time.monotonic() + READY_S
        while True:
            try:
                return self._client.encode([item], [poster])[0]
            except EncoderDiedError as error:
                deaths += 1
                log.warning("the encoder died on a film alone", item_id=item.item_id, error=str(error))
                if deaths == DEATHS:
                    return Encoded(None, f"the encoder's process died {deaths} times on this film alone")
                deadline = time.monotonic() + READY_S
            except EncoderUnavailableError:
                # on its way back
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.5)

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
