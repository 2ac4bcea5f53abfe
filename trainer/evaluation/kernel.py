"""Content to collaborative vectors by kernel regression: films alike in genre, text, people and year. Pure.

Beside the ridge of :mod:`trainer.space.content` this sees what goes together (a genre *of* an era), and
names stay names where hashing runs them into each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.linalg

Float64 = npt.NDArray[np.float64]
NO_YEAR = 1995.0
"""Stands in for an unknown year."""


@dataclass(frozen=True)
class Likeness:
    """How alike each two of n films are."""

    genres: Float64
    """[n, n] cosines."""
    text: Float64
    """[n, n] cosines."""
    people: Float64
    """[n, n] cosines of countries, languages, directors and cast."""
    years: Float64
    """[n, n] years between them."""


def likeness(genres: Float64, text: Float64, people: Float64, years: Float64) -> Likeness:
    """From features [n, ...] and ``years`` [n], 0 where unknown."""
    known = np.where(years > 0, years, NO_YEAR)
    return Likeness(_cosines(genres), _cosines(text), _cosines(people), np.abs(known[:, None] - known[None]))


def _cosines(rows: Float64) -> Float64:
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    out: Float64 = unit @ unit.T
    return out


@dataclass(frozen=True)
class Kernel:
    """exp(g (genres - 1) + t (text - 1) + p (people - 1)) x (y exp(-years / s) + 1 - y)."""

    genres: float = 2.0
    text: float = 2.0
    people: float = 2.0
    year_share: float = 0.5
    year_scale: float = 8.0
    noise: float = 0.3
    """Of the targets, at the mean number of ratings."""
    noise_power: float = 0.5
    """Noise falls with the number of ratings to this power."""

    def matrix(self, alike: Likeness) -> Float64:
        """[n, n]."""
        close = (
            self.genres * (alike.genres - 1) + self.text * (alike.text - 1) + self.people * (alike.people - 1)
        )
        years = self.year_share * np.exp(-alike.years / self.year_scale) + 1 - self.year_share
        out: Float64 = np.exp(close) * years
        return out


GRID: dict[str, tuple[float, ...]] = {
    "genres": (0.5, 1.0, 2.0, 4.0),
    "text": (0.5, 1.0, 2.0, 4.0),
    "year_scale": (3.0, 8.0, 20.0),
    "people": (0.5, 1.0, 3.0, 6.0),
    "year_share": (0.3, 0.5, 0.8, 1.0),
    "noise": (0.01, 0.03, 0.1, 0.3, 1.0),
    "noise_power": (0.0, 0.5, 1.0),
}


def regress(matrix: Float64, targets: Float64, counts: npt.NDArray[np.int64], kernel: Kernel) -> Float64:
    """[n, dim]: targets of all films predicted from those with ratings (``counts`` [n] > 0)."""
    warm = counts > 0
    n = counts[warm].astype(np.float64)
    mean = np.sqrt(n) @ targets[warm] / np.sqrt(n).sum()
    noise = kernel.noise * (n.mean() / n) ** kernel.noise_power
    gram = matrix[np.ix_(warm, warm)].copy()
    gram[np.diag_indices_from(gram)] += noise
    weights = scipy.linalg.solve(gram, targets[warm] - mean, assume_a="pos")
    out: Float64 = matrix[:, warm] @ weights + mean
    return out


def choose_kernel(score: Callable[[Kernel], float], rounds: int = 2) -> Kernel:
    """Coordinate search over :data:`GRID`; ``score`` must know nothing of test ratings."""
    best = Kernel()
    top = score(best)
    for _ in range(rounds):
        before = best
        for name, grid in GRID.items():
            for value in grid:
                if value == getattr(best, name):
                    continue
                one = replace(best, **{name: value})
                found = score(one)
                if found > top:
                    best, top = one, found
        if best == before:
            break
    return best
