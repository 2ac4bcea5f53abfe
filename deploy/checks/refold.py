"""User documents computed from scratch out of the rating log, the slow and obvious way. Pure.

The ledger folds event by event; this writes down what must come out in the end: of all that counts for
a user and a film, the newest event time, ties by the log's order (DESIGN section 3, "the fold, exactly").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streaming.documents import MAX_ITEMS, Ratings
from streaming.events import InvalidEventError, check_rating, decode_rating
from streaming.partition import partition_of


class Happening(NamedTuple):
    """One valid event of one user, in the order of his right partition."""

    item_id: str
    value: float | None
    at_ms: int
    barrier_ms: int | None = None
    """Set for an erase alone: event times up to it no longer count from here on."""


class LogRecord(NamedTuple):
    """What matters of a record of ``ratings.v1``."""

    partition: int
    offset: int
    appended_ms: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


def happening_of(record: LogRecord, partitions: int) -> tuple[str, Happening] | None:
    """(user, what happened), or None where the record does not count.

    It does not count if it breaks a rule (it is in the DLQ) or lies on another partition than its
    user's (the copy that was forwarded to the right one counts).
    """
    try:
        event = decode_rating(record.value or b"", record.headers)
        at = check_rating(event, record.appended_ms)
    except InvalidEventError:
        return None
    if partition_of(event.user_id, partitions) != record.partition:
        return None
    if event.erase:
        return event.user_id, Happening("", None, at, max(at, record.appended_ms))
    value = event.value
    return event.user_id, Happening(event.item_id, value if isinstance(value, int | float) else None, at)


def fold_user(happenings: Sequence[Happening], start: Ratings | None = None, barrier_ms: int = -1) -> Ratings:
    """What one user's document must be.

    ``start`` is a document that all of ``happenings`` comes after, ``barrier_ms`` the newest erase
    known from elsewhere (its topic), for logs whose beginning is gone.
    """
    begin = 0
    for position, happening in enumerate(happenings):
        if happening.barrier_ms is not None:
            begin, start = position + 1, None
            barrier_ms = max(barrier_ms, happening.barrier_ms)
    counted = [h for h in happenings[begin:] if h.at_ms > barrier_ms]
    allowed = dict.fromkeys(start or ())
    for happening in counted:
        if len(allowed) < MAX_ITEMS:
            allowed.setdefault(happening.item_id)
    candidates: dict[str, list[tuple[int, int, float | None]]] = {}
    for item_id, (value, at) in (start or {}).items():
        candidates.setdefault(item_id, []).append((at, -1, value))
    for order, happening in enumerate(counted):
        if happening.item_id in allowed:
            candidates.setdefault(happening.item_id, []).append((happening.at_ms, order, happening.value))
    result: Ratings = {}
    for item_id, versions in candidates.items():
        at, _, value = max(versions, key=lambda version: version[:2])
        result[item_id] = (value, at)
    return result


@dataclass
class PartitionFold:
    """All that happened on one partition of ``ratings.v1``, user by user; grows as the log does."""

    partition: int
    partitions: int
    whole: bool = True
    """Whether the log reaches back to its beginning."""
    records: int = 0
    refused: int = 0
    barrier: Callable[[str], int] = lambda _: -1
    """Newest erasure of a user known from elsewhere; asked where the log is not whole."""
    happenings: dict[str, list[Happening]] = field(default_factory=dict)

    def take(self, records: Iterable[LogRecord]) -> None:
        """Add records, in the order of the log."""
        for record in records:
            self.records += 1
            found = happening_of(record, self.partitions)
            if found is None:
                self.refused += 1
            else:
                self.happenings.setdefault(found[0], []).append(found[1])

    def expected(self, user_id: str, document: Ratings | None) -> Ratings | None:
        """The document that the user must have; None where he must have none.

        With the whole log it follows from the log alone; without, it is what ``document`` turns into
        when all that is retained is folded onto it: ``document`` itself, if that was right.
        """
        happenings = self.happenings.get(user_id, [])
        if self.whole:
            return fold_user(happenings) or None
        return fold_user(happenings, document, self.barrier(user_id)) or None

    def differing(self, documents: Mapping[str, Ratings], users: Iterable[str] | None = None) -> list[str]:
        """The users, of ``users`` or of all, whose document is not what it must be."""
        looked_at = set(self.happenings) | set(documents) if users is None else set(users)
        return sorted(u for u in looked_at if self.expected(u, documents.get(u)) != documents.get(u))
