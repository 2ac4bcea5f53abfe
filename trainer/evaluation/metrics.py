"""Measures of predicted ratings and of recommended lists. Pure.

Lists are item numbers [users, k] in rank order, -1 where a list ended early, as
:func:`trainer.evaluation.ranking.rank` gives them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]
Lists = npt.NDArray[np.int64]

SMOOTHING = 0.01
"""How much of the profile's genres is mixed into a list's before they are compared (Steck, RecSys 2018)."""


def rmse(predicted: Float64, true: Float64) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.mean((predicted - true) ** 2)))


def mae(predicted: Float64, true: Float64) -> float:
    """Mean absolute error."""
    return float(np.mean(np.abs(predicted - true)))


def precision_at(hits: Hits) -> Float64:
    """[users]: share of the k places that hold a relevant item; ``hits`` [users, k] in rank order."""
    out: Float64 = hits.mean(axis=1, dtype=np.float64)
    return out


def average_precision_at(hits: Hits, relevant: npt.NDArray[np.int64]) -> Float64:
    """[users]: mean precision at each hit, over min(relevant, k); zero where nothing was relevant."""
    k = hits.shape[1]
    precision = np.cumsum(hits, axis=1) / np.arange(1, k + 1)
    best = np.minimum(relevant, k)
    out: Float64 = np.divide((precision * hits).sum(axis=1), best, out=np.zeros(len(hits)), where=best > 0)
    return out


def reciprocal_rank_at(hits: Hits) -> Float64:
    """[users]: 1 / place of the first hit; zero without one."""
    first = hits.argmax(axis=1)
    out: Float64 = np.where(hits.any(axis=1), 1.0 / (first + 1), 0.0)
    return out


def exposure(lists: Lists, items: int) -> npt.NDArray[np.int64]:
    """[items]: in how many lists each item is."""
    return np.bincount(lists[lists >= 0], minlength=items).astype(np.int64)


def coverage(lists: Lists, items: int) -> float:
    """Share of the ``items`` that are in anybody's list."""
    return float((exposure(lists, items) > 0).mean()) if items else 0.0


def gini(lists: Lists, items: int) -> float:
    """Inequality of exposure over all items: 0 where each is shown alike, near 1 where one takes all."""
    counts = np.sort(exposure(lists, items)).astype(np.float64)
    total = counts.sum()
    if total == 0:
        return 0.0
    order = np.arange(1, items + 1)
    return float((2 * order - items - 1) @ counts / (items * total))


def intra_list_diversity(lists: Lists, vectors: Float64) -> Float64:
    """[users]: mean of 1 - cosine over the pairs of a list; zero for lists of fewer than two.

    ``vectors`` [items, d], say genres; a zero vector is unlike everything.
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros_like(vectors, dtype=np.float64), where=length > 0)
    present = lists >= 0
    shown = unit[np.maximum(lists, 0)] * present[:, :, None]
    n = present.sum(axis=1)
    cosines = np.square(shown.sum(axis=1)).sum(axis=1) - np.square(shown).sum(axis=(1, 2))
    pairs = n * (n - 1)
    out: Float64 = np.divide(pairs - cosines, pairs, out=np.zeros(len(lists)), where=pairs > 0)
    return out


def novelty(lists: Lists, counts: npt.NDArray[np.int64], users: int) -> Float64:
    """[users]: mean of -log2 of the share of ``users`` who rated each item (+1 to both); 0 if empty."""
    surprise = -np.log2((counts + 1.0) / (users + 1.0))
    present = lists >= 0
    n = present.sum(axis=1)
    total = np.where(present, surprise[np.maximum(lists, 0)], 0.0).sum(axis=1)
    out: Float64 = np.divide(total, n, out=np.zeros(len(lists)), where=n > 0)
    return out


def genre_shares(rows: Float64) -> Float64:
    """[items, genres]: each item's genres (0 or 1) as shares of one; zero for an item without."""
    total = rows.sum(axis=1, keepdims=True)
    out: Float64 = np.divide(rows, total, out=np.zeros_like(rows, dtype=np.float64), where=total > 0)
    return out


def calibration(lists: Lists, liked_shares: Float64, item_shares: Float64) -> Float64:
    """[users]: Kullback-Leibler divergence, in nats, of a list's genres from those of what the user likes.

    0 means that the list has the genres of the profile in their proportions (Steck, RecSys 2018).
    ``liked_shares`` [users, genres] and ``item_shares`` [items, genres] are shares of one.
    """
    present = lists >= 0
    n = present.sum(axis=1)[:, None]
    total = (item_shares[np.maximum(lists, 0)] * present[:, :, None]).sum(axis=1)
    shown = np.divide(total, n, out=np.zeros_like(total), where=n > 0)
    smooth = (1 - SMOOTHING) * shown + SMOOTHING * liked_shares
    some = liked_shares > 0
    ratio = np.divide(liked_shares, smooth, out=np.ones_like(liked_shares), where=some)
    out: Float64 = np.where(some, liked_shares * np.log(ratio), 0.0).sum(axis=1)
    return out
