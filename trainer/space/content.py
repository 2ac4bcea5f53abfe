"""Content to collaborative vectors by ridge regression in closed form, on warm items only. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FilmFeatures:
    """What is known of films without their ratings."""

    all: Float64
    """[items, f]: what the content side learns from."""
    side: Float64
    """[items, s]: genres, year and people alone, which the collaborative vectors know too."""


@dataclass(frozen=True)
class Ridge:
    """target = features @ ``weights`` + ``bias``."""

    weights: Float64
    """[features, dim]."""
    bias: Float64
    """[dim]."""

    def predict(self, features: Float64) -> Float64:
        """[n, dim]."""
        return features @ self.weights + self.bias


def fit_ridge(features: Float64, targets: Float64, sample_weights: Float64, penalty: float) -> Ridge:
    """Minimises sum_i s_i |x_i W + b - y_i|^2 + penalty |W|^2; the bias is not penalised.

    ``features`` [n, f], ``targets`` [n, dim], ``sample_weights`` [n] >= 0 with a positive sum. Columns that
    are zero everywhere get zero weights.
    """
    total = sample_weights.sum()
    x_mean = sample_weights @ features / total
    y_mean = sample_weights @ targets / total
    x, y = features - x_mean, targets - y_mean
    weighted = x * sample_weights[:, None]
    gram = weighted.T @ x
    gram[np.diag_indices_from(gram)] += penalty
    weights = scipy.linalg.solve(gram, weighted.T @ y, assume_a="pos")
    weights[~features.any(axis=0)] = 0.0
    return Ridge(weights, y_mean - x_mean @ weights)
