"""Bytes to events and back: JSON by default, MessagePack by content-type header (DESIGN section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from streaming.events.exceptions import InvalidEventError
from streaming.events.items import Item
from streaming.events.ratings import RatingEvent
from streaming.events.wording import decoding_problem

Headers = Sequence[tuple[str, bytes | None]]
T = TypeVar("T")

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"
CONTENT_TYPE: Final = "content-type"
MSGPACK_TYPES: Final = frozenset((MSGPACK, "application/x-msgpack", "application/vnd.msgpack"))

_encode_json = msgspec.json.Encoder().encode
_rating_json, _rating_msgpack = msgspec.json.Decoder(RatingEvent), msgspec.msgpack.Decoder(RatingEvent)
_item_json, _item_msgpack = msgspec.json.Decoder(Item), msgspec.msgpack.Decoder(Item)


def content_type(headers: Headers | None) -> str:
    """The media type that a record's headers name, JSON where they name none."""
    for name, value in headers or ():
        if name.lower() == CONTENT_TYPE and value:
            return value.decode("latin-1").split(";")[0].strip().lower()
    return JSON


def _decode(
    value: bytes, headers: Headers | None, json: msgspec.json.Decoder[T], msgpack: msgspec.msgpack.Decoder[T]
) -> T:
    # a JSON event begins with a brace, a MessagePack event never does: the header decides nothing then
    if value[:1] == b"{":
        return checked(json, value)
    kind = content_type(headers)
    if kind in MSGPACK_TYPES:
        return checked(msgpack, value)
    if kind.endswith("json"):
        return checked(json, value)
    raise InvalidEventError(f"content-type {kind!r} is neither JSON nor MessagePack")


def checked(decoder: msgspec.json.Decoder[T] | msgspec.msgpack.Decoder[T], value: bytes) -> T:
    """What ``decoder`` makes of ``value``.

    Raises:
        InvalidEventError: if it makes nothing of it, with the field where one is to blame.
    """
    try:
        return decoder.decode(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, OverflowError, ValueError) as error:
        reason, field = decoding_problem(error, decoder.type)
        raise InvalidEventError(reason if field else f"cannot be decoded: it {reason}", field) from None


def decode_rating(value: bytes, headers: Headers | None = None) -> RatingEvent:
    """The rating, take-back or erase in ``value``, its fields typed but not yet checked.

    Raises:
        InvalidEventError: if the bytes are not such an event.
    """
    return _decode(value, headers, _rating_json, _rating_msgpack)


def decode_item(value: bytes, headers: Headers | None = None) -> Item:
    """The film in ``value``, its fields typed but not yet checked.

    Raises:
        InvalidEventError: if the bytes are not a film.
    """
    return _decode(value, headers, _item_json, _item_msgpack)


def encode(event: RatingEvent | Item) -> bytes:
    """JSON, the form in which Marquee itself writes events."""
    return _encode_json(event)
