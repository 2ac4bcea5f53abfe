"""The base in closed form, against plain kernel ridge regression and without what it must not know."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.kernel_ridge import KernelRidge

from handlers.config import FusionConfig, KernelConfig
from handlers.fusion import Likeness
from tests.unit.trainer.fusion.tiny import FEATURES, POSTER, TEXT, films
from trainer.fusion.base import Base, fit_base, kernel_matrix
from trainer.fusion.frozen import Arrays
from trainer.fusion.options import ALL, NO_POSTER
from trainer.space.matrix import most_rated

FILMS, DIM = 48, 3
KERNEL = KernelConfig(genres=1.0, text=1.0, poster=0.5)
COUNTS = np.random.default_rng(0).integers(1, 40, FILMS)
TARGETS = np.random.default_rng(3).standard_normal((FILMS, DIM))


def likeness() -> Likeness:
    return Likeness(FusionConfig(anchors=1, kernel=KERNEL), FEATURES, TEXT, POSTER, DIM)


def anchored(rows: np.ndarray) -> Likeness:
    text, side, poster = compared()
    made, at = likeness(), torch.from_numpy(rows)
    made.set_anchors(text[at], side[at], poster[at])
    return made


def compared(variant: str = ALL) -> Arrays:
    text, side, poster = (part.half().float() for part in films(FILMS).compared(variant))
    return text, side, poster


def fitted(targets: np.ndarray = TARGETS, limit: int = FILMS) -> Base:
    return fit_base(likeness(), {ALL: compared()}, targets, COUNTS, 0.3, 0.5, limit, folds=4, seed=0)


def test_with_every_film_an_anchor_it_is_kernel_ridge_regression() -> None:
    matrix = kernel_matrix(anchored(np.arange(FILMS)), compared())
    base = fitted()
    weight = np.sqrt(COUNTS / COUNTS.mean())
    bias = np.sqrt(COUNTS) @ TARGETS / np.sqrt(COUNTS).sum()
    other = KernelRidge(alpha=0.3, kernel="precomputed").fit(matrix, TARGETS - bias, sample_weight=weight)
    assert np.allclose(matrix @ base.weights + base.bias, other.predict(matrix) + bias, atol=5e-3)


def test_what_is_held_out_is_not_known() -> None:
    changed = TARGETS.copy()
    changed[0] += 5.0
    before, after = fitted(), fitted(changed)
    # the film's own target reaches its prediction only through the mean
    moved = np.abs(after.held_out[ALL] - before.held_out[ALL]).max(axis=1)
    shift = np.abs(after.bias - before.bias).max()
    assert moved[0] <= shift * 1.5 + 1e-9
    assert moved[1:].max() > moved[0]


def test_a_filled_likeness_answers_as_fitted() -> None:
    base, made = fitted(limit=12), likeness()
    assert base.anchors.tolist() == most_rated(COUNTS, 12).tolist()
    base.fill(made, compared())
    with torch.no_grad():
        got = made(*compared()).numpy()
    matrix = kernel_matrix(anchored(base.anchors), compared())
    assert np.allclose(got, matrix @ base.weights + base.bias, atol=1e-3)


def test_a_poster_changes_what_the_base_says() -> None:
    base, made = fitted(), likeness()
    base.fill(made, compared())
    with torch.no_grad():
        apart = (made(*compared()) - made(*compared(NO_POSTER))).abs().amax(dim=1).numpy()
    has = films(FILMS).poster_rows >= 0
    assert (apart[has] > 1e-3).all()
    assert not apart[~has].any()
