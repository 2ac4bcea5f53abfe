"""What is popular: like counts of all partitions summed, decayed by age, ordered (DESIGN 3 and 8). Pure.

Exponential decay has no scale: that every like is a week older multiplies all scores alike. So ages are
counted from the newest week in which anybody liked anything, and a history that ends years ago is ordered
exactly as it was when it was new.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from threading import Lock

from streaming.documents import Counts, parse_popular_key


def decayed(weeks: dict[int, int], newest: int, half_life_days: float) -> float:
    """Likes by week as of week ``newest``, a like halved every ``half_life_days``."""
    return float(sum(likes * 2.0 ** (-7 * (newest - week) / half_life_days) for week, likes in weeks.items()))


class _Threshold:
    """The counts of one like threshold."""

    def __init__(self) -> None:
        self.buckets: dict[tuple[int, int], Counts] = {}
        self.totals: dict[str, dict[int, int]] = {}
        self.likes: dict[str, int] = {}
        self.order: list[tuple[str, float]] | None = None

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
        self.order = None

    def _add(self, item: str, weeks: list[tuple[int, int]], sign: int) -> None:
        total = self.totals.setdefault(item, defaultdict(int))
        self.likes[item] = self.likes.get(item, 0) + sign * sum(likes for _, likes in weeks)
        for week, likes in weeks:
            total[week] += sign * likes
            if not total[week]:
                del total[week]
        if not total:
            del self.totals[item], self.likes[item]


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
            self._thresholds.setdefault(threshold, _Threshold()).put(partition, bucket, counts)

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

    def ranked(self, threshold: float) -> list[tuple[str, float]]:
        """(item id, decayed likes) of every liked item, most popular first, equal ones by id.

        The list is shared with later callers until counts change: it must not be changed.
        """
        with self._lock:
            held = self._thresholds.get(threshold)
            if held is None:
                return []
            if held.order is None:
                newest = max((max(weeks) for weeks in held.totals.values()), default=0)
                scored = [(i, decayed(w, newest, self._half_life)) for i, w in held.totals.items()]
                held.order = sorted(scored, key=lambda entry: (-entry[1], entry[0]))
            return held.order
