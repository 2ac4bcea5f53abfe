"""Who rated an item: from item rows to user numbers. Not thread-safe: its owner holds a lock."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

SMALL = 100_000


class InvertedIndex:
    """A superset of the users of each item: entries are added, never taken out one by one.

    A user who no longer rates an item is recomputed once more than needed, which changes nothing. When
    what was added outgrows what was built, :meth:`crowded` says that building anew is due.
    """

    def __init__(self) -> None:
        self._starts = np.zeros(1, dtype=np.int64)
        self._users = np.zeros(0, dtype=np.int32)
        self._added: dict[int, array[int]] = {}
        self._added_count = 0

    def build(self, rows: npt.NDArray[np.int32], bounds: npt.NDArray[np.int64]) -> None:
        """Take users 0..n-1 whose item rows lie at ``bounds[i]:bounds[i + 1]`` of ``rows``; drop the rest."""
        users = np.repeat(np.arange(len(bounds) - 1, dtype=np.int32), np.diff(bounds))
        order = np.argsort(rows, kind="stable")
        self._users = users[order]
        counts = np.bincount(rows, minlength=1) if len(rows) else np.zeros(1, dtype=np.int64)
        self._starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
        self._added, self._added_count = {}, 0

    def add(self, user: int, rows: Iterable[int]) -> None:
        """``user`` now rates these items too."""
        for row in rows:
            self._added.setdefault(row, array("i")).append(user)
            self._added_count += 1

    @property
    def crowded(self) -> bool:
        """Whether more was added than built."""
        return self._added_count > max(SMALL, len(self._users))

    def users_of(self, rows: Iterable[int]) -> npt.NDArray[np.int32]:
        """Numbers of the users who may rate one of the items of these rows, int32, each once."""
        parts = [np.zeros(0, dtype=np.int32)]
        for row in rows:
            if row + 1 < len(self._starts):
                parts.append(self._users[self._starts[row] : self._starts[row + 1]])
            if (added := self._added.get(row)) is not None:
                parts.append(np.frombuffer(added, dtype=np.int32).copy())
        return np.unique(np.concatenate(parts))
