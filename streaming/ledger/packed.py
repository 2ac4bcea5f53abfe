"""User documents as the fold holds them: half encoded, so that writing a document is one join of bytes. Pure.

A packed document maps an item's key (the MessagePack of its id) to its entry: the key again and the
MessagePack of ``[value or null, event time]`` with the time always as an unsigned 64-bit integer. So entries
compare by time through their last eight bytes, and header + entries is the ``users.v1`` value that
:func:`streaming.documents.decode_user` reads.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from streaming.documents.user import SCHEMA

Packed = dict[bytes, bytes]
"""key of an item -> its entry."""

VALUE_SIZE: Final = 19
"""Bytes after the key in an entry with a value; an entry that takes a rating back has 11."""
NULL_SIZE: Final = 11

pack_value: Final = struct.Struct(">2sdBQ").pack
_pack_null = struct.Struct(">2sBQ").pack
_unpack_value = struct.Struct(">d").unpack_from
_encode_id = msgspec.msgpack.Encoder().encode
_decode_id = msgspec.msgpack.Decoder(str).decode
_decode_pair = msgspec.msgpack.Decoder(tuple[float | None, int]).decode
_decode_document = msgspec.msgpack.Decoder(tuple[int, dict[str, msgspec.Raw]]).decode

MARK: Final = b"\x92\xcb"
"""First bytes of an entry's value part: an array of two, a double."""
TIME: Final = 0xCF


def item_key(item_id: str) -> bytes:
    """Key of an item in packed documents."""
    return _encode_id(item_id)


def item_of(key: bytes) -> str:
    """The item id behind a key."""
    return _decode_id(key)


def entry(key: bytes, value: float | None, ms: int) -> bytes:
    """Entry of an item; ``ms`` is the event time in ms since 1970, 0 or more."""
    if value is None:
        return key + _pack_null(b"\x92\xc0", TIME, ms)
    return key + pack_value(MARK, value, TIME, ms)


def value_of(key: bytes, packed: bytes) -> float | None:
    """The rating in an entry, None where it was taken back."""
    if len(packed) - len(key) != VALUE_SIZE:
        return None
    value: float = _unpack_value(packed, len(packed) - 17)[0]
    return value


def time_of(packed: bytes) -> int:
    """The event time in ms in an entry."""
    return int.from_bytes(packed[-8:])


def encode_packed(document: Packed) -> bytes | None:
    """The ``users.v1`` value; None, a tombstone, for a document without items."""
    count = len(document)
    if not count:
        return None
    if count < 16:
        header = bytes((0x92, SCHEMA, 0x80 | count))
    elif count < 65_536:
        header = bytes((0x92, SCHEMA, 0xDE, count >> 8, count & 0xFF))
    else:
        header = bytes((0x92, SCHEMA, 0xDF)) + count.to_bytes(4)
    return header + b"".join(document.values())


def decode_packed(value: bytes, keys: dict[str, bytes]) -> Packed:
    """The document in a ``users.v1`` value, whoever encoded it.

    Args:
        keys: known items, so that documents share keys; added to.

    Raises:
        msgspec.DecodeError: if the bytes are no user document.
        ValueError: if a newer Marquee wrote it.
    """
    schema, ratings = _decode_document(value)
    if schema != SCHEMA:
        raise ValueError(f"user document of schema {schema}, this Marquee reads {SCHEMA}")
    document: Packed = {}
    for item, raw in ratings.items():
        key = keys.get(item)
        if key is None:
            key = keys[item] = _encode_id(item)
        pair = bytes(raw)
        if len(pair) in (VALUE_SIZE, NULL_SIZE) and pair[-9] == TIME:
            document[key] = key + pair
        else:
            document[key] = entry(key, *_decode_pair(raw))
    return document
