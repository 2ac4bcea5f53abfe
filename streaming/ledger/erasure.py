"""What keeps an erased user out: the salted hash of his id and the time up to which he is dropped. Pure."""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from streaming.settings import Settings

SCHEMA = 1


class Erasure(msgspec.Struct, array_like=True, frozen=True):
    """A value of ``erased.v1``: ``[schema, key id, cutoff in ms]``; its key is the hash of the user."""

    schema: int
    key_id: str
    cutoff_ms: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Erasure).decode


def decode_erasure(value: bytes) -> Erasure:
    """A value of ``erased.v1``, whoever's key it was hashed under.

    Raises:
        msgspec.DecodeError: if the bytes are no erasure.
        ValueError: if a newer Marquee wrote it.
    """
    erasure = _decode(value)
    if erasure.schema != SCHEMA:
        raise ValueError(f"erasure of schema {erasure.schema}, this Marquee reads {SCHEMA}")
    return erasure


class Eraser:
    """Hashes user ids under the erasure key of the settings.

    ``ready`` is False without a key: then nobody can be erased, and no erased user be recognised.
    """

    def __init__(self, settings: Settings) -> None:
        self._key = settings.erasure.key.get_secret_value().encode()
        self.key_id = settings.erasure.key_id
        self.ready = bool(self._key)

    def hash_of(self, user_id: str) -> str:
        """HMAC-SHA256 of the id, hexadecimal."""
        return hmac.new(self._key, user_id.encode(), hashlib.sha256).hexdigest()

    def encode(self, cutoff_ms: int) -> bytes:
        """The record that drops ratings with an event time up to ``cutoff_ms``."""
        return _encode(Erasure(SCHEMA, self.key_id, cutoff_ms))

    def decode(self, value: bytes) -> int:
        """The cutoff in ms.

        Raises:
            msgspec.DecodeError: if the bytes are no erasure.
            ValueError: if it was hashed under another key, or a newer Marquee wrote it.
        """
        erasure = decode_erasure(value)
        if erasure.key_id != self.key_id or not self.ready:
            mine = f"{self.key_id!r}" if self.ready else "none"
            raise ValueError(f"users were erased under key {erasure.key_id!r}; the key configured is {mine}")
        return erasure.cutoff_ms
