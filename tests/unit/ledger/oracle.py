"""What the ledger should have made of a log: slow, plain, and written without looking at the fold.

Events are decoded and checked by the shared rules of ``streaming.events``; everything that the fold decides
(order, places, erasures, limits, likes) is decided here again, from the sentences of the design.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from streaming.events import InvalidEventError, check_rating, decode_rating

WEEK = 7 * 24 * 3600 * 1000


@dataclass(frozen=True)
class LogRecord:
    """A record of ``ratings.v1``; ``at`` is its append time in ms."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    at: int


@dataclass
class Expected:
    """users: id -> item -> (value, ms). erased: hash -> cutoff. dead and forwarded: (partition, offset)."""

    users: dict[str, dict[str, tuple[float | None, int]]] = field(default_factory=dict)
    erased: dict[str, int] = field(default_factory=dict)
    dead: set[tuple[int, int]] = field(default_factory=set)
    forwarded: set[tuple[int, int]] = field(default_factory=set)

    def likes(self, threshold: float) -> dict[tuple[str, int], int]:
        """(item, week) -> number of users who like it."""
        found: dict[tuple[str, int], int] = defaultdict(int)
        for ratings in self.users.values():
            for item, (value, ms) in ratings.items():
                if value is not None and value >= threshold:
                    found[item, ms // WEEK] += 1
        return dict(found)


def java_partition(key: str, count: int) -> int:
    """Kafka's default partitioner, transcribed from its Java source."""
    data = key.encode()
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    for at in range(0, len(data) - 3, 4):
        k = data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24
        k = k * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = data[len(data) // 4 * 4 :]
    if len(rest) == 3:
        h ^= rest[2] << 16
    if len(rest) >= 2:
        h ^= rest[1] << 8
    if len(rest) >= 1:
        h = (h ^ rest[0]) * m & mask
    h = (h ^ h >> 13) * m & mask
    h ^= h >> 15
    return (h & 0x7FFFFFFF) % count


def expect(
    records: Sequence[LogRecord], partitions: int, erasure_key: bytes, max_items: int = 20_000
) -> Expected:
    """Fold a whole log, record by record; records of one partition must come in their order."""
    expected = Expected()
    cutoffs: dict[str, int] = {}
    for record in records:
        place = (record.partition, record.offset)
        if record.value is None:
            if record.key != b"\x00":
                expected.dead.add(place)
            continue
        try:
            event = decode_rating(record.value, record.headers)
            when = check_rating(event, record.at)
        except InvalidEventError:
            expected.dead.add(place)
            continue
        if java_partition(event.user_id, partitions) != record.partition:
            if any(name == "marquee-from" for name, _ in record.headers):
                expected.dead.add(place)
            else:
                expected.forwarded.add(place)
            continue
        if event.erase:
            if not erasure_key:
                expected.dead.add(place)
                continue
            expected.users.pop(event.user_id, None)
            cutoffs[event.user_id] = max(cutoffs.get(event.user_id, 0), when, record.at)
            continue
        if when <= cutoffs.get(event.user_id, -1):
            continue
        ratings = expected.users.get(event.user_id, {})
        if event.item_id not in ratings and len(ratings) == max_items:
            expected.dead.add(place)
            continue
        if event.item_id not in ratings or ratings[event.item_id][1] <= when:
            value = event.value
            assert value is None or isinstance(value, float)
            expected.users.setdefault(event.user_id, {})[event.item_id] = (value, when)
    for user, cutoff in cutoffs.items():
        expected.erased[hmac.new(erasure_key, user.encode(), hashlib.sha256).hexdigest()] = cutoff
    return expected
