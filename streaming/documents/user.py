"""User documents: the values of ``users.v1`` (DESIGN sections 1 and 3)."""

from __future__ import annotations

import msgspec

SCHEMA = 1
MAX_ITEMS = 20_000
"""Distinct items of one user, take-backs included; the next one goes to the DLQ."""

Ratings = dict[str, tuple[float | None, int]]
"""item id -> (value or None where taken back, event time in ms)."""


class UserDocument(msgspec.Struct, array_like=True, frozen=True):
    """All current ratings of one user. On the wire: the MessagePack array ``[schema, ratings]``."""

    schema: int
    ratings: Ratings


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(UserDocument)


def encode_user(ratings: Ratings) -> bytes:
    """The value of the ``users.v1`` record for a user with these ratings."""
    return _encoder.encode((SCHEMA, ratings))


def decode_user(value: bytes) -> Ratings:
    """The ratings in a ``users.v1`` value.

    Raises:
        msgspec.DecodeError: if the bytes are no user document.
        ValueError: if a newer Marquee wrote it.
    """
    document = _decoder.decode(value)
    if document.schema != SCHEMA:
        raise ValueError(f"user document of schema {document.schema}, this Marquee reads {SCHEMA}")
    return document.ratings
