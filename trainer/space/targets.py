"""What the collaborative vectors of a space are made of: ratings, and what a catalogue says of films. Pure.

The rows of Y (DESIGN 10.6) are users. Three things make it better where ratings are few: the highest rating
counts more than other likes; rows of busy users are made shorter, for they would otherwise speak loudest; and
genres, years and people stand in Y as further rows, as if each were a user who likes all its films
("Closed-form models for collaborative filtering with side-information", Jeunen, Van Balen & Goethals, RecSys
2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from trainer.space.collaborative import item_vectors, top_eigenpairs
from trainer.space.matrix import Interactions

Float64 = npt.NDArray[np.float64]
Spectrum = tuple[Float64, Float64]
"""Eigenvalues [d] of Y'Y and their vectors [items, d]."""


@dataclass(frozen=True)
class Targets:
    """The numbers from which ratings become item vectors."""

    dim: int = 256
    regularisation: float = 600.0
    """lambda of DESIGN 10.6, >= 0."""
    neutral_weight: float = 0.5
    """What a rated but not liked item counts in Y."""
    like_threshold: float = 4.0
    top_weight: float = 1.0
    """What the highest rating counts in Y, where other likes count 1."""
    activity_power: float = 0.0
    """p: a user's row is divided by (its length / the mean length) ** p, 0 to 1."""
    side_weight: float = 0.0
    """What the whole catalogue entry of a film counts in Y, where a like counts 1."""

    def matrix(self, ratings: Interactions, side: Float64 | None = None) -> sp.csr_matrix:
        """Y, float64 csr [users + f, items]; ``side`` [items, f] holds no rating, its rows get length 1."""
        y = ratings.matrix(self.like_threshold, self.neutral_weight, self.top_weight)
        if self.activity_power:
            y = _shortened(y, self.activity_power)
        if side is None or not self.side_weight:
            return y
        lengths = np.linalg.norm(side, axis=1, keepdims=True)
        unit = np.divide(side, lengths, out=np.zeros_like(side), where=lengths > 0)
        return sp.vstack([y, sp.csr_matrix(self.side_weight * unit.T)], format="csr")

    def spectrum(self, ratings: Interactions, side: Float64 | None = None) -> Spectrum:
        """What no other lambda or smaller dim changes: to try many of them at the price of one."""
        return top_eigenpairs(self.matrix(ratings, side), self.dim)

    def vectors(self, ratings: Interactions, side: Float64 | None = None) -> Float64:
        """[items, dim]: the collaborative vectors."""
        return self.vectors_of(self.spectrum(ratings, side))

    def vectors_of(self, spectrum: Spectrum) -> Float64:
        """[items, dim] from a spectrum of these numbers, or of a larger dim."""
        return item_vectors(*spectrum, self.regularisation, self.dim)


def _shortened(y: sp.csr_matrix, power: float) -> sp.csr_matrix:
    lengths = np.sqrt(np.asarray(y.multiply(y).sum(axis=1)).ravel())
    busy = lengths > 0
    factors = np.ones(len(lengths))
    factors[busy] = (lengths[busy] / lengths[busy].mean()) ** -power
    return sp.csr_matrix(sp.diags(factors) @ y)
