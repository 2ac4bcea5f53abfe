"""Item vectors on their way: the values of ``vectors.<space>.v1`` (DESIGN section 3)."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

SCHEMA = 1


class VectorDocument(msgspec.Struct, array_like=True, frozen=True):
    """One item as a space sees it.

    ``vector`` is float32, little-endian, ``dim`` values; ``package`` is ``name@version``; ``poster`` is a
    URL or ``sha256:<hex>``. A record without value says the item was removed.
    """

    schema: int
    vector: bytes
    title: str
    year: int | None
    genres: tuple[str, ...]
    poster: str
    package: str

    def as_array(self) -> npt.NDArray[np.float32]:
        """The vector as a read-only array of shape ``(dim,)``, float32."""
        return np.frombuffer(self.vector, dtype="<f4")


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(VectorDocument)


def encode_vector(document: VectorDocument) -> bytes:
    """The value of the record."""
    return _encoder.encode(document)


def decode_vector(value: bytes) -> VectorDocument:
    """The document in a record's value.

    Raises:
        msgspec.DecodeError: if the bytes are no vector document.
        ValueError: if a newer Marquee wrote it.
    """
    document = _decoder.decode(value)
    if document.schema != SCHEMA:
        raise ValueError(f"vector document of schema {document.schema}, this Marquee reads {SCHEMA}")
    return document
