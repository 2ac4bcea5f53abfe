"""Events that services send: their types, rules and codecs. Pure; no input or output."""

from streaming.events.codec import JSON, MSGPACK, decode_item, decode_rating, encode
from streaming.events.exceptions import InvalidEventError
from streaming.events.items import Item, check_item
from streaming.events.ratings import RatingEvent, check_rating, event_time_ms

__all__ = [
    "JSON",
    "MSGPACK",
    "InvalidEventError",
    "Item",
    "RatingEvent",
    "check_item",
    "check_rating",
    "decode_item",
    "decode_rating",
    "encode",
    "event_time_ms",
]
