"""How sure a mean average precision is: the same figure of posters drawn anew, with replacement. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainer.evaluation.statistics import Interval

RESAMPLES = 1000
BLOCK = 100
"""Resamples counted at once: 100 x 1,760 posters of float64 are 1.4 MB."""

Bools = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def resampled_maps(scores: Float32, labels: Bools, resamples: int = RESAMPLES, seed: int = 0) -> Float64:
    """Mean average precision of each resample [resamples]; scores and labels are [posters, genres].

    Equal ``seed`` and number of posters draw equal posters, so that two kinds of scores can be paired.
    A genre of which a resample has no poster is left out of its mean.

    Raises:
        ValueError: if no poster has a genre.
    """
    if not labels.any():
        raise ValueError("no poster has any of the genres")
    rng = np.random.default_rng(seed)
    n, means = len(labels), []
    for done in range(0, resamples, BLOCK):
        size = min(BLOCK, resamples - done)
        drawn = rng.integers(0, n, (size, n))
        counts = np.stack([np.bincount(one, minlength=n) for one in drawn]).astype(np.float64)
        each = [weighted_precision(scores[:, g], labels[:, g], counts) for g in range(labels.shape[1])]
        means.append(np.nanmean(np.stack(each, axis=1), axis=1))
    return np.concatenate(means)


def weighted_precision(scores: Float32, labels: Bools, counts: Float64) -> Float64:
    """Average precision [resamples] of ``scores`` [posters], poster p being there ``counts[r, p]`` times.

    Posters of equal scores share their place, as in scikit-learn; NaN where no poster is labelled.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = counts[:, order], counts[:, order] * labels[order]
    falls = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    ends = falls[np.searchsorted(falls, np.arange(len(scores)))]
    above, found = ranked.cumsum(axis=1)[:, ends], hits.cumsum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(above > 0, found[:, ends] / above, 0.0)
        out: Float64 = (precision * hits).sum(axis=1) / found[:, -1]
    return out


def interval_of(figure: float, resampled: Float64, confidence: float = 0.95) -> Interval:
    """``figure`` of the posters as they are, and between which percentiles of ``resampled`` it lies.

    A poster that is drawn twice stands beside itself, so that the precision of rare genres is too high in
    resamples: they are moved so that their mean is ``figure``.
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled - resampled.mean() + figure, [tail, 1 - tail])
    return Interval(figure, float(low), float(high))
