"""How well films that were held out rank, and how sure that is over users and over films. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from trainer.evaluation.ranking import Float64, rank

BLOCKS = 10
"""Parts of the held-out films, each left out once."""


@dataclass(frozen=True)
class Marks:
    """Quality of one way to rank; two ways are compared on the same users and films."""

    users: Float64
    """[users]: NDCG@10 of each."""
    films: Float64
    """[blocks]: pseudo-values of the jackknife over films; their spread is that of the mean over films."""

    @property
    def mean(self) -> float:
        """Over users."""
        return float(self.users.mean()) if len(self.users) else 0.0

    def clearly_above(self, other: Marks) -> bool:
        """Whether the mean is above that of ``other`` by more than one standard error of the difference.

        As of a tree's size (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3): what
        validation cannot tell apart stays as it is. The error is that over users and that over films
        together: by users alone, all of whom are shown the same few hundred films, chance looks sure.
        """
        people, films = self.users - other.users, self.films - other.films
        error = _variance_of_mean(people) + _variance_of_mean(films)
        return bool(len(people) and people.mean() > np.sqrt(error))


def _variance_of_mean(values: Float64) -> float:
    return float(values.var() / (len(values) - 1)) if len(values) > 1 else 0.0


def joined(parts: list[Marks]) -> Marks:
    """Of several exams."""
    return Marks(np.concatenate([p.users for p in parts]), np.concatenate([p.films for p in parts]))


def weighed(parts: list[tuple[float, Marks]]) -> Marks:
    """The sum of marks of the same users and films, each times its share."""
    return Marks(
        np.sum([share * one.users for share, one in parts], axis=0),
        np.sum([share * one.films for share, one in parts], axis=0),
    )


def marks_of(users: npt.NDArray[Any], films: npt.NDArray[Any], liked: sp.csr_matrix) -> Marks:
    """Marks of ranking ``films`` [n, dim] by inner product for ``users`` [u, dim]; ``liked`` [u, n] are hits.

    Source of the pseudo-values: Efron & Tibshirani, An Introduction to the Bootstrap (1993), section 11.
    """
    nothing = sp.csr_matrix(liked.shape)

    def each(judged: npt.NDArray[np.bool_]) -> Float64:
        return rank(users, films, nothing, liked, candidates=judged).ndcg

    count = len(films)
    whole = each(np.ones(count, dtype=bool))
    blocks = min(BLOCKS, count)
    if not len(whole) or blocks < 2:
        return Marks(whole, np.zeros(0))
    places = np.arange(count) % blocks
    without = [scores.mean() if len(scores := each(places != b)) else 0.0 for b in range(blocks)]
    return Marks(whole, blocks * whole.mean() - (blocks - 1) * np.array(without))
