"""Ratings as a sparse user x item matrix, with one row and column an id. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from trainer.data.columns import FALLBACK_TIME_MS, MAX_VALUE, Ratings


@dataclass(frozen=True)
class Interactions:
    """Ratings with ids turned into numbers; for a user and item rated more than once the newest counts."""

    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    users: npt.NDArray[np.int64]
    """[r] row of each rating."""
    items: npt.NDArray[np.int64]
    """[r] column of each rating."""
    values: npt.NDArray[np.float64]
    """[r] 0.5 to 5.0."""
    times: npt.NDArray[np.int64] | None = None
    """[r] event times, ms, all alike where they are made up; None where they were not told."""

    @property
    def shape(self) -> tuple[int, int]:
        """(users, items)."""
        return len(self.user_ids), len(self.item_ids)

    def matrix(self, threshold: float, neutral_weight: float, top_weight: float = 1.0) -> sp.csr_matrix:
        """float64 csr [users, items]: 1 for liked (>= ``threshold``), ``neutral_weight`` for other rated.

        Liked items with the highest rating there can be count ``top_weight``.
        """
        liked = np.where(self.values >= MAX_VALUE, top_weight, 1.0)
        weights = np.where(self.values >= threshold, liked, neutral_weight)
        return sp.csr_matrix((weights, (self.users, self.items)), shape=self.shape)

    def liked(self, threshold: float) -> sp.csr_matrix:
        """float64 csr [users, items]: 1 for liked."""
        keep = self.values >= threshold
        return sp.csr_matrix((np.ones(keep.sum()), (self.users[keep], self.items[keep])), shape=self.shape)

    def rated(self) -> sp.csr_matrix:
        """float64 csr [users, items]: 1 for every rated item, whatever its value."""
        return sp.csr_matrix((np.ones(len(self.values)), (self.users, self.items)), shape=self.shape)

    def counts(self) -> npt.NDArray[np.int64]:
        """[items]: number of ratings."""
        return np.bincount(self.items, minlength=len(self.item_ids)).astype(np.int64)

    def take(self, keep: npt.NDArray[np.bool_]) -> Interactions:
        """Only the ratings where ``keep`` [r] holds, under the same ids."""
        times = None if self.times is None else self.times[keep]
        return Interactions(
            self.user_ids, self.item_ids, self.users[keep], self.items[keep], self.values[keep], times
        )


def most_rated(counts: npt.NDArray[np.int64], limit: int) -> npt.NDArray[np.int64]:
    """[m]: places of the items with most ratings, at most ``limit``, in rising order."""
    return np.sort(np.argsort(-counts, kind="stable")[:limit]).astype(np.int64)


def _numbers(ids: npt.NDArray[np.object_], known: Sequence[str]) -> npt.NDArray[np.int64]:
    where = {one: number for number, one in enumerate(known)}
    return np.fromiter((where[one] for one in ids), dtype=np.int64, count=len(ids))


def interactions(
    ratings: Ratings, item_ids: Sequence[str] | None = None, user_ids: Sequence[str] | None = None
) -> Interactions:
    """The matrix of ``ratings``; ``item_ids`` or ``user_ids`` fix columns or rows and leave out others.

    Order is that of the ids, so that the same ratings in any order give the same matrix.
    """
    users = tuple(user_ids) if user_ids is not None else tuple(sorted(set(ratings.user_ids)))
    items = tuple(item_ids) if item_ids is not None else tuple(sorted(set(ratings.item_ids)))
    known_users, known_items = set(users), set(items)
    keep = np.fromiter(
        (
            u in known_users and i in known_items
            for u, i in zip(ratings.user_ids, ratings.item_ids, strict=True)
        ),
        dtype=bool,
        count=len(ratings),
    )
    rows = _numbers(ratings.user_ids[keep], users)
    columns = _numbers(ratings.item_ids[keep], items)
    order = np.argsort(ratings.event_time_ms[keep], kind="stable")
    cells = (rows * len(items) + columns)[order]
    # of equal cells the last in time order stays
    _, from_end = np.unique(cells[::-1], return_index=True)
    newest = order[len(cells) - 1 - from_end]
    values, times = ratings.values[keep][newest], ratings.event_time_ms[keep][newest]
    # a rating without a time has one made up from its row, which says nothing of what came first
    made_up = (times >= FALLBACK_TIME_MS) & (times <= FALLBACK_TIME_MS + len(ratings))
    times = np.where(made_up, FALLBACK_TIME_MS, times)
    return Interactions(users, items, rows[newest], columns[newest], values, times)
