"""How sure a figure is, and whether A beats B. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

Float64 = npt.NDArray[np.float64]

BLOCK = 100
"""Resamples drawn at once: 100 x 100,000 users of int64 are 80 MB."""


@dataclass(frozen=True)
class Interval:
    """A mean and where it lies with the given confidence."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap(values: Float64, confidence: float = 0.95, resamples: int = 1000, seed: int = 0) -> Interval:
    """Percentile bootstrap of the mean of ``values`` [n], one value a user (or fold).

    Raises:
        ValueError: if there are none.
    """
    if not len(values):
        raise ValueError("no values to take a mean of")
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [
            values[rng.integers(0, len(values), (min(BLOCK, resamples - done), len(values)))].mean(axis=1)
            for done in range(0, resamples, BLOCK)
        ]
    )
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(values.mean()), float(low), float(high))


def over_folds(values: Float64, confidence: float = 0.95) -> Interval:
    """Mean over a few folds or seeds with Student's interval; as wide as infinity for a single one."""
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, -np.inf, np.inf)
    half = float(
        scipy.stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    )
    return Interval(mean, mean - half, mean + half)


@dataclass(frozen=True)
class Paired:
    """A against B on the same users (or folds)."""

    difference: Interval
    """Of A - B, bootstrapped."""
    p_t: float
    """Two-sided paired t-test."""
    p_permutation: float
    """Two-sided: share of random sign flips with a mean difference at least as large."""


def paired(a: Float64, b: Float64, resamples: int = 2000, seed: int = 0) -> Paired:
    """Whether ``a`` [n] differs from ``b`` [n], taken at the same n users.

    Raises:
        ValueError: if their lengths differ or there are fewer than two.
    """
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(f"{len(a)} and {len(b)} values make no pairs to test")
    difference = a - b
    interval = bootstrap(difference, seed=seed)
    if not difference.any():
        return Paired(interval, 1.0, 1.0)
    spread = difference.std(ddof=1)
    p_t = float(scipy.stats.ttest_rel(a, b).pvalue) if spread > 0 else 0.0
    rng = np.random.default_rng(seed + 1)
    observed = abs(difference.sum())
    larger = 0
    for done in range(0, resamples, BLOCK):
        signs = rng.integers(0, 2, (min(BLOCK, resamples - done), len(difference))) * 2 - 1
        larger += int((np.abs(signs @ difference) >= observed * (1 - 1e-12)).sum())
    return Paired(interval, p_t, (larger + 1) / (resamples + 1))
