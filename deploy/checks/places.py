"""Where in a record a user's id can stand, by the record's topic: a film may have the same id."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import msgspec

from deploy.checks.raw import pattern_of
from deploy.checks.reading import Record
from streaming.control.documents import decode_control
from streaming.control.presence import Heartbeat
from streaming.documents import decode_counts, decode_user, decode_vector
from streaming.events.codec import content_type
from streaming.settings import Settings
from streaming.topics import TopicNames

_LISTS = ("genres", "directors", "cast", "countries", "languages")
FILM_FIELDS = frozenset(
    ("item_id", "title", "year", "text", "poster", "poster_url", "poster_sha256", *_LISTS)
)
"""Names of fields and columns that say something of a film."""
_DLQ = ("dlq-topic", "dlq-partition", "dlq-offset", "dlq-time")
"""Headers of a dead letter that say where it lay and when it was refused."""


@dataclass(frozen=True)
class Places:
    """Where an id of a user can stand in the records of a topic.

    ``films`` are fields whose values belong to films. ``ours`` raises where a value is none of the type that
    Marquee writes to the topic; one that is holds ids of films, of spaces and of processes, never of users.
    """

    key: bool = True
    films: frozenset[str] = frozenset()
    ours: Callable[[Record], object] | None = None


ANYWHERE = Places()
"""Of a topic that nobody described."""


def places(settings: Settings) -> Callable[[str], Places]:
    """The places of each topic of the namespace, by its full name."""
    names = TopicNames(settings.namespace)
    ratings, items = Places(films=frozenset(("item_id",))), Places(key=False, films=FILM_FIELDS)
    known = {
        names.ratings: ratings,
        names.dlq(names.ratings): ratings,
        names.items: items,
        names.dlq(names.items): items,
        names.users: Places(ours=lambda record: decode_user(record.value or b"")),
        names.popular: Places(key=False, ours=lambda record: decode_counts(record.value or b"")),
        names.control: Places(key=False, ours=_control),
        names.presence: Places(key=False, ours=lambda r: msgspec.json.decode(r.value or b"", type=Heartbeat)),
        names.served: Places(films=frozenset(("items", "space", "source"))),
        names.events: Places(films=frozenset(("item_id", "kind"))),
    }
    vectors = Places(key=False, ours=lambda record: decode_vector(record.value or b""))
    before, after = names.vectors("\x00").split("\x00")

    def of(topic: str) -> Places:
        if topic.startswith(before) and topic.endswith(after):
            return vectors
        return known.get(topic, ANYWHERE)

    return of


def _control(record: Record) -> object:
    return decode_control((record.key or b"").decode(errors="replace"), record.value or b"")


def mentions(value: Any, user_id: str, films: Collection[str] = ()) -> bool:
    """Whether a decoded value holds the id as a string, anywhere but in fields of ``films``; keys count."""
    if isinstance(value, str):
        return value == user_id
    if isinstance(value, dict):
        return any(
            mentions(name, user_id) or (name not in films and mentions(inner, user_id, films))
            for name, inner in value.items()
        )
    return isinstance(value, list | tuple) and any(mentions(inner, user_id, films) for inner in value)


def record_mentions(record: Record, user_id: str, places: Places = ANYWHERE) -> bool:
    """Whether key, headers or value of a record name the user; undecodable bytes are searched as text."""
    plain = user_id.encode()
    if places.key and record.key == plain:
        return True
    if any(value == plain and name not in _DLQ for name, value in record.headers):
        return True
    if not record.value:
        return False
    if places.ours is not None:
        try:
            places.ours(record)
        except (msgspec.MsgspecError, ValueError):
            pass
        else:
            return False
    decoders: list[Callable[[bytes], Any]] = [msgspec.json.decode, msgspec.msgpack.decode]
    if "msgpack" in content_type(record.headers):
        decoders.reverse()
    for decode in decoders:
        try:
            return mentions(decode(record.value), user_id, places.films)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
    return bool(pattern_of(user_id).search(record.value))
