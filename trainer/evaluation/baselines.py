"""What any model has to beat: chance, popularity, item neighbours, EASE. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse as sp

Float64 = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Scorer = Callable[[Rows], Any]
"""User rows -> scores [n, items], as :func:`trainer.evaluation.ranking.rank_by` takes them."""


def random_scorer(items: int, seed: int) -> Scorer:
    """Chance: the same for the same users and seed."""
    return lambda users: np.stack([np.random.default_rng([seed, int(u)]).random(items) for u in users])


def popularity_scorer(liked: sp.csr_matrix) -> Scorer:
    """Everybody gets what most like."""
    return same_for_all(np.asarray(liked.sum(axis=0), dtype=np.float64).ravel())


def same_for_all(scores: npt.NDArray[Any]) -> Scorer:
    """Everybody gets the same list, by ``scores`` [items]."""
    return lambda users: np.tile(scores, (len(users), 1))


def ease(y: sp.csr_matrix, regularisation: float) -> Float64:
    """B [items, items] of EASE (Steck, WWW 2019): the best linear autoencoder with a zero diagonal."""
    gram = (y.T @ y).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularisation
    inverse = scipy.linalg.inv(gram, overwrite_a=True)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)


def item_neighbours(y: sp.csr_matrix, neighbours: int, shrink: float = 10.0) -> sp.csr_matrix:
    """Cosine of columns, shrunk by co-occurrence n / (n + ``shrink``), the largest of each kept."""
    gram = (y.T @ y).toarray().astype(np.float64)
    length = np.sqrt(np.diag(gram))
    outer = np.outer(length, length)
    cosine = np.divide(gram, outer, out=np.zeros_like(gram), where=outer > 0)
    both = (y > 0).astype(np.float64)
    together = (both.T @ both).toarray()
    cosine *= together / (together + shrink)
    np.fill_diagonal(cosine, 0.0)
    keep = min(neighbours, len(cosine) - 1)
    nearest = np.argpartition(-cosine, keep - 1, axis=0)[:keep]
    weights = np.zeros_like(cosine)
    np.put_along_axis(weights, nearest, np.take_along_axis(cosine, nearest, axis=0), axis=0)
    return sp.csr_matrix(weights)


def linear_scorer(history: sp.csr_matrix, weights: Float64 | sp.csr_matrix) -> Scorer:
    """history @ weights: of EASE and of item neighbours."""

    def score(users: Rows) -> Any:
        out = history[users] @ weights
        return out.toarray() if sp.issparse(out) else out

    return score
