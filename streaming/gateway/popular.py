"""What is popular: like counts of all partitions summed, decayed by age, ordered (DESIGN 3 and 8). Pure.

Exponential decay has no scale: that every like is a week older multiplies all scores alike. So ages are
counted from the newest week in which anybody liked anything, and a history that ends years ago is ordered
exactly as it was when it was new.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock

from streaming.documents import Counts, parse_popular_key


def decay(week: int, newest: int, half_life_days: float) -> float:
    """What a like of ``week`` counts as of week ``newest``: halved every ``half_life_days``."""
    return float(2.0 ** (-7 * (newest - week) / half_life_days))


def decayed(weeks: Mapping[int, int], factors: Mapping[int, float]) -> float:
    """Likes by week, each counted by its week's :func:`decay`; the order of ``weeks`` does not matter."""
    return float(sum(weeks[week] * factors[week] for week in sorted(weeks)))


class _Threshold:
    """The counts of one like threshold, and their order, kept up change by change.

    Counts change many times a second while people rate: what ranking costs then goes by what changed, not
    by all that anybody ever liked.
    """

    def __init__(self, half_life_days: float) -> None:
        self._half_life = half_life_days
        self.buckets: dict[tuple[int, int], Counts] = {}
        self.totals: dict[str, dict[int, int]] = {}
        self.likes: dict[str, int] = {}
        self._of_week: dict[int, int] = defaultdict(int)
        self._changed: set[str] = set()
        self._newest = 0
        self._factors: dict[int, float] = {}
        self._order: list[tuple[float, str]] = []

    def put(self, partition: int, bucket: int, counts: Counts) -> None:
        before = self.buckets.get((partition, bucket), {})
        for item, weeks in before.items():
            if counts.get(item) != weeks:
                self._add(item, weeks, -1)
        for item, weeks in counts.items():
            if before.get(item) != weeks:
                self._add(item, weeks, 1)
        if counts:
            self.buckets[partition, bucket] = counts
        else:
            self.buckets.pop((partition, bucket), None)

    def _add(self, item: str, weeks: list[tuple[int, int]], sign: int) -> None:
        total = self.totals.setdefault(item, defaultdict(int))
        self.likes[item] = self.likes.get(item, 0) + sign * sum(likes for _, likes in weeks)
        for week, likes in weeks:
            total[week] += sign * likes
            if not total[week]:
                del total[week]
            self._of_week[week] += sign * likes
            if not self._of_week[week]:
                del self._of_week[week]
        if not total:
            del self.totals[item], self.likes[item]
        self._changed.add(item)

    def order(self) -> list[tuple[float, str]]:
        """(decayed likes, negative; item), smallest first. A list that is never changed afterwards."""
        newest = max(self._of_week, default=0)
        if newest != self._newest:
            self._newest, self._factors = newest, {}
            self._changed = set(self.totals)
            self._order = []
        if self._changed:
            unknown = self._of_week.keys() - self._factors.keys()
            self._factors |= {week: decay(week, newest, self._half_life) for week in unknown}
            kept = [entry for entry in self._order if entry[1] not in self._changed]
            kept += sorted(
                (-decayed(self.totals[item], self._factors), item)
                for item in self._changed
                if item in self.totals
            )
            # two sorted runs: merging them is all that is left to do
            kept.sort()
            self._order, self._changed = kept, set()
        return self._order


class PopularCounts:
    """The records of ``popular.v1`` folded; threads may share it."""

    def __init__(self, half_life_days: float) -> None:
        self._half_life = half_life_days
        self._lock = Lock()
        self._thresholds: dict[float, _Threshold] = {}

    def put(self, key: str, counts: Counts) -> None:
        """Take one record; empty ``counts`` for one without value.

        Raises:
            ValueError: if the key is none of ``popular.v1``.
        """
        threshold, partition, bucket = parse_popular_key(key)
        with self._lock:
            held = self._thresholds.setdefault(threshold, _Threshold(self._half_life))
            held.put(partition, bucket, counts)

    def clear(self) -> None:
        """Forget everything, before reading from the beginning again."""
        with self._lock:
            self._thresholds.clear()

    def likes(self, threshold: float, item_id: str) -> int:
        """All current likes of an item, whatever their age."""
        with self._lock:
            held = self._thresholds.get(threshold)
            return held.likes.get(item_id, 0) if held else 0

    def likes_of(self, threshold: float, item_ids: Sequence[str]) -> list[int]:
        """:meth:`likes` of many items."""
        with self._lock:
            held = self._thresholds.get(threshold)
            return [held.likes.get(item_id, 0) for item_id in item_ids] if held else [0] * len(item_ids)

    def all_likes(self, threshold: float) -> dict[str, int]:
        """Every liked item with all its current likes: a copy."""
        with self._lock:
            held = self._thresholds.get(threshold)
            return dict(held.likes) if held else {}

    def ranked(self, threshold: float) -> Iterator[tuple[str, float]]:
        """(item id, decayed likes) of every liked item, most popular first, equal ones by id."""
        with self._lock:
            held = self._thresholds.get(threshold)
            order = [] if held is None else held.order()
        return ((item, -negative) for negative, item in order)
