"""The base of the fusion encoder in closed form: regression on likeness to rated films. Pure.

Kernel ridge regression on a subset of anchors (subset of regressors; Rasmussen & Williams, Gaussian
Processes for Machine Learning, 2006, section 8.3.1): weights (K'SK + penalty K_mm)^-1 K'S (targets - mean), S
growing with a power of the number of ratings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch

from handlers.fusion import Likeness
from trainer.fusion.frozen import Arrays
from trainer.space.matrix import most_rated

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
_JITTER = 1e-4
FILMS_AT_ONCE = 512


@dataclass(frozen=True)
class Base:
    """A fitted base, and what it says of the films it was fitted on when their fold is held out."""

    anchors: Int64
    """[m] of the films it was fitted on."""
    weights: Float64
    """[m, dim]."""
    bias: Float64
    """[dim]."""
    held_out: dict[str, Float64]
    """Variant of the films -> [n, dim]."""

    def fill(self, likeness: Likeness, compared: Arrays) -> None:
        """Puts it into ``likeness``, whose anchors are taken from ``compared``."""
        rows = torch.from_numpy(self.anchors)
        text, side, poster = rounded(compared)
        likeness.set_anchors(text[rows], side[rows], poster[rows])
        likeness.weights = torch.from_numpy(self.weights.astype(np.float32))
        likeness.bias = torch.from_numpy(self.bias.astype(np.float32))


def rounded(arrays: Arrays) -> Arrays:
    """Films as a package holds them, in float16: the fit must know what will be compared with."""
    text, side, poster = (part.half().float() for part in arrays)
    return text, side, poster


def kernel_matrix(likeness: Likeness, films: Arrays) -> Float64:
    """[n, m] of films and the anchors of ``likeness``."""
    text, side, poster = films
    parts = [slice(start, start + FILMS_AT_ONCE) for start in range(0, len(text), FILMS_AT_ONCE)]
    with torch.no_grad():
        rows = [likeness.matrix(text[part], side[part], poster[part]).double().numpy() for part in parts]
    return np.concatenate(rows)


def fit_base(
    likeness: Likeness,
    variants: dict[str, Arrays],
    targets: Float64,
    counts: Int64,
    penalty: float,
    power: float,
    limit: int,
    folds: int,
    seed: int,
) -> Base:
    """The base on n films: ``variants`` (the first: as they are), ``targets`` [n, dim], ``counts`` [n].

    With one fold nothing is held out, and ``held_out`` is empty.
    """
    anchors = most_rated(counts, limit)
    first, *others = variants
    films = rounded(variants[first])
    at = torch.from_numpy(anchors)
    likeness.set_anchors(films[0][at], films[1][at], films[2][at])
    matrices = {first: kernel_matrix(likeness, films)}
    matrices |= {name: kernel_matrix(likeness, variants[name]) for name in others}
    gram, n = matrices[first], counts.astype(np.float64)
    weight = (n / n.mean()) ** power
    bias = weight @ targets / weight.sum()
    fold = np.random.default_rng([seed, 5]).permutation(len(n)) % folds
    weighted, centred = gram * weight[:, None], targets - bias
    inner = [gram[fold == f].T @ weighted[fold == f] for f in range(folds)]
    outer = [weighted[fold == f].T @ centred[fold == f] for f in range(folds)]
    whole, right = np.sum(inner, axis=0), np.sum(outer, axis=0)
    prior = penalty * (gram[anchors] + _JITTER * np.eye(len(anchors)))
    held_out = {name: np.tile(bias, (len(n), 1)) for name in variants if folds > 1}
    for f in range(folds if folds > 1 else 0):
        weights = scipy.linalg.solve(whole - inner[f] + prior, right - outer[f], assume_a="pos")
        for name, matrix in matrices.items():
            held_out[name][fold == f] += matrix[fold == f] @ weights
    weights = scipy.linalg.solve(whole + prior, right, assume_a="pos")
    return Base(anchors, weights, bias, held_out)
