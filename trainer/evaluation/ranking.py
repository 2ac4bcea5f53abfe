"""Full-ranking metrics: every item is a candidate, seen ones excluded (DESIGN 10, Protocol). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Float64 = npt.NDArray[np.float64]

BLOCK = 512
"""Users scored at once: 512 x 60,000 items of float64 are 240 MB."""


@dataclass(frozen=True)
class RankingScores:
    """One value a user who has at least one relevant item in the test part."""

    users: npt.NDArray[np.int64]
    ndcg: Float64
    recall: Float64
    top: npt.NDArray[np.int64]
    """[users, k] items in rank order; -1 where fewer candidates were left."""

    def summary(self, items: int) -> dict[str, float]:
        """Means, and the share of ``items`` that came up for anybody (coverage)."""
        shown = np.unique(self.top[self.top >= 0])
        return {
            "ndcg@10": float(self.ndcg.mean()) if len(self.ndcg) else 0.0,
            "recall@10": float(self.recall.mean()) if len(self.recall) else 0.0,
            "coverage": len(shown) / items if items else 0.0,
            "users": float(len(self.users)),
        }


def top_k(scores: Float64, k: int) -> npt.NDArray[np.int64]:
    """Indices [users, k] of the largest scores, falling; ties by index; -1 for -inf."""
    width = min(k, scores.shape[1])
    if width == 0:
        return np.full((len(scores), k), -1, dtype=np.int64)
    order = np.empty((len(scores), width), dtype=np.int64)
    # all that reach the k-th largest score: most often just k, more where scores are equal
    least = -np.partition(-scores, width - 1, axis=1)[:, width - 1 : width]
    reach = scores >= least
    exact = reach.sum(axis=1) == width
    order[exact] = reach[exact].nonzero()[1].reshape(-1, width)
    found = np.argsort(-np.take_along_axis(scores[exact], order[exact], axis=1), axis=1, kind="stable")
    order[exact] = np.take_along_axis(order[exact], found, axis=1)
    order[~exact] = np.argsort(-scores[~exact], axis=1, kind="stable")[:, :width]
    out = np.where(np.take_along_axis(scores, order, axis=1) > -np.inf, order, -1)
    return np.pad(out, ((0, 0), (0, k - width)), constant_values=-1)


def ndcg_at(hits: npt.NDArray[np.bool_], relevant: npt.NDArray[np.int64]) -> Float64:
    """NDCG with binary gains: ``hits`` [users, k] in rank order, ``relevant`` [users] how many there were."""
    k = hits.shape[1]
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(relevant, k)]
    out: Float64 = np.divide((hits * discount).sum(axis=1), ideal, out=np.zeros(len(hits)), where=ideal > 0)
    return out


def recall_at(hits: npt.NDArray[np.bool_], relevant: npt.NDArray[np.int64]) -> Float64:
    """Share of the relevant items among the first k."""
    found = hits.sum(axis=1).astype(np.float64)
    out: Float64 = np.divide(found, relevant, out=np.zeros(len(hits)), where=relevant > 0)
    return out


def profiles(liked: sp.csr_matrix, vectors: Float64) -> Float64:
    """[users, dim]: the mean of the vectors of liked items; zero for a user who likes none."""
    counts = np.asarray(liked.sum(axis=1)).ravel()
    sums = liked @ vectors
    out: Float64 = np.divide(sums, counts[:, None], out=np.zeros_like(sums), where=counts[:, None] > 0)
    return out


def rank(
    user_vectors: Float64,
    item_vectors: Float64,
    seen: sp.csr_matrix,
    relevant: sp.csr_matrix,
    k: int = 10,
    candidates: npt.NDArray[np.bool_] | None = None,
) -> RankingScores:
    """Scores of ranking by inner product.

    ``user_vectors`` [users, dim], ``item_vectors`` [items, dim]; ``seen`` [users, items] are left out of
    the ranking, ``relevant`` [users, items] are the hits; ``candidates`` [items] limits what may be
    ranked (and counts as relevant), say to cold items.
    """
    transposed = item_vectors.T
    return rank_by(lambda users: user_vectors[users] @ transposed, seen, relevant, k, candidates)


def rank_by(
    score: Callable[[npt.NDArray[np.int64]], Float64],
    seen: sp.csr_matrix,
    relevant: sp.csr_matrix,
    k: int = 10,
    candidates: npt.NDArray[np.bool_] | None = None,
) -> RankingScores:
    """As :func:`rank`, of any ranking: ``score`` gives [n, items], a new array, for n user rows."""
    allowed = np.ones(relevant.shape[1], dtype=bool) if candidates is None else candidates
    relevant = relevant.multiply(allowed[None, :]).tocsr()
    # else a user whose relevant items are no candidates would count as one served badly
    relevant.eliminate_zeros()
    users = np.flatnonzero(np.diff(relevant.indptr) > 0)
    parts = list(_blocks(users, score, seen, relevant, allowed, k))
    if not parts:
        empty = np.zeros(0)
        return RankingScores(users, empty, empty, np.zeros((0, k), dtype=np.int64))
    ndcg, recall, top = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return RankingScores(users, ndcg, recall, top)


def _blocks(
    users: npt.NDArray[np.int64],
    score: Callable[[npt.NDArray[np.int64]], Float64],
    seen: sp.csr_matrix,
    relevant: sp.csr_matrix,
    allowed: npt.NDArray[np.bool_],
    k: int,
) -> Iterator[tuple[Float64, Float64, npt.NDArray[np.int64]]]:
    for start in range(0, len(users), BLOCK):
        block = users[start : start + BLOCK]
        scores = score(block)
        scores[:, ~allowed] = -np.inf
        scores[seen[block].nonzero()] = -np.inf
        top = top_k(scores, k)
        truth = relevant[block].toarray() > 0
        hits = np.take_along_axis(truth, np.maximum(top, 0), axis=1) & (top >= 0)
        total = truth.sum(axis=1)
        yield ndcg_at(hits, total), recall_at(hits, total), top
