"""Like counts of one partition by film and week of event time, and the records of ``popular.v1`` they become.

Pure. Counts follow the committed documents exactly: a re-rating, take-back or erasure subtracts what the
former rating added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from streaming.documents import (
    WEEK_MS,
    bucket_of,
    decode_counts,
    decode_user,
    encode_counts,
    parse_popular_key,
    popular_key,
)
from streaming.ledger.fold import Likes
from streaming.ledger.packed import item_key, item_of

Weeks = dict[int, int]
"""week -> likes, never 0."""


class LikeCounts:
    """The counts of one partition of ``ratings.v1`` under each threshold.

    ``dirty`` names the (threshold, bucket) whose record on ``popular.v1`` is not what it should be.
    """

    def __init__(self, partition: int, thresholds: Iterable[float]) -> None:
        self.partition = partition
        self._counts: dict[float, dict[bytes, Weeks]] = {float(t): {} for t in thresholds}
        self._members: dict[float, dict[int, set[bytes]]] = {t: {} for t in self._counts}
        self._buckets: dict[bytes, int] = {}
        self.dirty: set[tuple[float, int]] = set()
        self._foreign: set[str] = set()

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The thresholds counted."""
        return tuple(self._counts)

    def apply(self, threshold: float, likes: Mapping[tuple[bytes, int], int]) -> None:
        """Take in what a committed batch changes under one threshold."""
        counts, members, buckets = self._counts[threshold], self._members[threshold], self._buckets
        for (key, week), change in likes.items():
            if not change:
                continue
            bucket = buckets.get(key)
            if bucket is None:
                bucket = buckets[key] = bucket_of(item_of(key))
            weeks = counts.get(key)
            if weeks is None:
                weeks = counts[key] = {}
                members.setdefault(bucket, set()).add(key)
            total = weeks.get(week, 0) + change
            if total:
                weeks[week] = total
            else:
                weeks.pop(week, None)
                if not weeks:
                    del counts[key]
                    members[bucket].discard(key)
            self.dirty.add((threshold, bucket))

    def apply_all(self, thresholds: Sequence[float], likes: Sequence[Likes]) -> None:
        """Take in one entry of ``likes`` a threshold; those not counted any more are passed over."""
        for threshold, changes in zip(thresholds, likes, strict=True):
            if threshold in self._counts:
                self.apply(threshold, changes)

    def replace(self, former: bytes | None, document: bytes | None) -> None:
        """Take in that a ``users.v1`` value replaced another; None stands for no document."""
        for value, change in ((former, -1), (document, 1)):
            if value is not None:
                for threshold, likes in zip(
                    self._counts, likes_of(value, self.thresholds, change), strict=True
                ):
                    self.apply(threshold, likes)

    def restart(self, thresholds: Iterable[float]) -> None:
        """Count from nothing, under these thresholds; what is published of others is withdrawn."""
        wanted = [float(t) for t in thresholds]
        for threshold, buckets in self._members.items():
            for bucket in buckets:
                self.dirty.add((threshold, bucket))
        self._counts = {t: {} for t in wanted}
        self._members = {t: {} for t in wanted}

    def value(self, threshold: float, bucket: int) -> bytes | None:
        """Value of a bucket's record; None, a tombstone, where it holds nothing."""
        keys = self._members.get(threshold, {}).get(bucket)
        if not keys:
            return None
        counts = self._counts[threshold]
        return encode_counts({item_of(key): sorted(counts[key].items()) for key in sorted(keys)})

    def compare(self, published: Mapping[str, bytes]) -> int:
        """Mark what ``popular.v1`` holds wrongly for this partition; returns how many records that is."""
        self.dirty.clear()
        self._foreign.clear()
        expected = {
            (threshold, bucket)
            for threshold, members in self._members.items()
            for bucket, keys in members.items()
            if keys
        }
        for key, value in published.items():
            try:
                threshold, partition, bucket = parse_popular_key(key)
                matches = self._matches(threshold, bucket, value)
            except (ValueError, msgspec.MsgspecError):
                self._foreign.add(key)
                continue
            if partition != self.partition:
                self._foreign.add(key)
                continue
            if not matches:
                self.dirty.add((threshold, bucket))
            expected.discard((threshold, bucket))
        self.dirty |= expected
        return len(self.dirty) + len(self._foreign)

    def _matches(self, threshold: float, bucket: int, value: bytes) -> bool:
        mine = self.value(threshold, bucket)
        return mine is not None and decode_counts(mine) == decode_counts(value)

    def take(self) -> list[tuple[str, bytes | None]]:
        """Records (key, value) that put ``popular.v1`` right; they are then no longer dirty."""
        records: list[tuple[str, bytes | None]] = [(key, None) for key in sorted(self._foreign)]
        for threshold, bucket in sorted(self.dirty):
            records.append((popular_key(threshold, self.partition, bucket), self.value(threshold, bucket)))
        self.dirty.clear()
        self._foreign.clear()
        return records

    def give_back(self, records: Iterable[tuple[str, bytes | None]]) -> None:
        """Records of :meth:`take` that were not committed are dirty again."""
        for key, _ in records:
            try:
                threshold, partition, bucket = parse_popular_key(key)
            except ValueError:
                self._foreign.add(key)
                continue
            if partition == self.partition:
                self.dirty.add((threshold, bucket))
            else:
                self._foreign.add(key)


def likes_of(value: bytes, thresholds: Sequence[float], change: int = 1) -> list[Likes]:
    """What a ``users.v1`` value adds (``change`` 1) or takes away (-1) under each threshold."""
    deltas: list[Likes] = [{} for _ in thresholds]
    pairs = list(zip(thresholds, deltas, strict=True))
    for item, (rating, ms) in decode_user(value).items():
        if rating is None:
            continue
        for threshold, likes in pairs:
            if rating >= threshold:
                like = (item_key(item), ms // WEEK_MS)
                likes[like] = likes.get(like, 0) + change
    return deltas
