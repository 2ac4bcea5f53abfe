"""Which rows of one collection are to be written, coalesced. Not thread-safe: its owner holds a lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

SETTLE_S = 1.0
"""How long after a write a reader of Milvus may still see the former row."""


class DirtyRows:
    """Row ids with their partition: ``live`` ones first, ``behind`` ones after.

    No queue of rows: a row that changes ten times before its turn is written once, from what is known
    then. ``flying`` rows are being written now.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.live: dict[str, int] = {}
        self.behind: dict[str, int] = {}
        self.flying: dict[str, int] = {}
        self._flying_live: set[str] = set()
        self._recent: set[str] = set()
        self._former: set[str] = set()
        self._turned = 0.0
        self._clock = clock
        self._watched: set[str] | None = None

    def __len__(self) -> int:
        return len(self.live) + len(self.behind)

    def mark(self, row_id: str, part: int, live: bool) -> None:
        """The row is to be written (or deleted, if nothing is known of it by then)."""
        if live:
            self.behind.pop(row_id, None)
            self.live[row_id] = part
        elif row_id not in self.live:
            self.behind[row_id] = part
        if self._watched is not None:
            self._watched.add(row_id)

    def take(self, limit: int) -> dict[str, int]:
        """Up to ``limit`` rows (id -> partition), flying from now until :meth:`landed` or :meth:`failed`."""
        taken: dict[str, int] = {}
        for source in (self.live, self.behind):
            for row_id in list(_first(source, limit - len(taken))):
                taken[row_id] = source.pop(row_id)
                if source is self.live:
                    self._flying_live.add(row_id)
        self.flying.update(taken)
        return taken

    def landed(self) -> None:
        """What was taken is written."""
        self._turn()
        self._recent.update(self.flying)
        self.flying.clear()
        self._flying_live.clear()

    def failed(self) -> None:
        """What was taken was not written: it is dirty again, unless it became so by itself."""
        for row_id, part in self.flying.items():
            self.mark(row_id, part, row_id in self._flying_live or row_id in self.live)
        self.flying.clear()
        self._flying_live.clear()

    def drop(self, part: int) -> None:
        """The partition belongs to another now: nothing of it is to be written."""
        for rows in (self.live, self.behind, self.flying):
            for row_id in [r for r, p in rows.items() if p == part]:
                del rows[row_id]

    def clear(self) -> None:
        """Nothing is to be written."""
        self.live.clear()
        self.behind.clear()

    def forget_written(self) -> None:
        """What was written lately is not there any more: the collection is another."""
        self._recent, self._former = set(), set()

    def watch(self) -> None:
        """From now on remember which rows may change in Milvus; for a reader who compares."""
        self._turn()
        self._watched = {*self.live, *self.behind, *self.flying, *self._recent, *self._former}

    def unwatch(self) -> set[str]:
        """The rows that were, or may have been, on their way since :meth:`watch`."""
        watched, self._watched = self._watched or set(), None
        return watched

    def _turn(self) -> None:
        now = self._clock()
        if now - self._turned >= SETTLE_S:
            # after a long silence both generations are settled
            self._former = self._recent if now - self._turned < 2 * SETTLE_S else set()
            self._recent = set()
            self._turned = now


def _first(rows: Iterable[str], count: int) -> Iterable[str]:
    for index, row_id in enumerate(rows):
        if index >= count:
            return
        yield row_id
