"""Predicted ratings: the formula by hand, biases by least squares, nothing but training ratings."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.trainer.evaluation.test_served import catalogue, world
from trainer.data.splits import random_holdout
from trainer.evaluation.metrics import rmse
from trainer.evaluation.ratings import (
    RatingChoice,
    choose_ratings,
    dense,
    fit_biases,
    fit_ratings,
    item_cosines,
    similar_mean,
    user_means,
)
from trainer.evaluation.served import matrices
from trainer.space.matrix import Interactions

FOLD = random_holdout(world(0), 0.2, 0)
TRAIN, TEST = matrices(FOLD.train, FOLD.test, [item.item_id for item in catalogue()])


def small(values: list[float], users: list[int], items: list[int], shape: tuple[int, int]) -> Interactions:
    names = tuple(tuple(str(n) for n in range(size)) for size in shape)
    return Interactions(names[0], names[1], np.array(users), np.array(items), np.array(values))


def test_the_worked_example_of_the_source() -> None:
    # ratings A 5.0 and B 2.0, similarities to D 0.92 and 0.34: 4.19
    ratings = small([5.0, 2.0], [0, 0], [0, 1], (1, 3))
    similar = np.zeros((3, 3))
    similar[:2, 2] = 0.92, 0.34
    sums, weights = dense(ratings, ratings.values) @ similar, dense(ratings, 1.0) @ similar
    assert similar_mean(sums, weights, 0.0)[0, 2] == pytest.approx(4.19, abs=0.005)
    assert similar_mean(sums, weights, 0.0)[0, 0] == 0.0
    assert similar_mean(sums, weights, 1.26)[0, 2] == pytest.approx(4.19 / 2, abs=0.005)


def test_biases_are_the_least_squares_with_penalties() -> None:
    rng = np.random.default_rng(0)
    cells = np.flatnonzero(rng.random(12 * 9) < 0.6)
    users, items = cells // 9, cells % 9
    values = rng.integers(1, 6, len(cells)).astype(np.float64)
    got = fit_biases(small(values.tolist(), users.tolist(), items.tolist(), (12, 9)), 3.0, 2.0)
    design = np.zeros((len(cells), 21))
    design[np.arange(len(cells)), users] = 1.0
    design[np.arange(len(cells)), 12 + items] = 1.0
    penalty = np.diag([3.0] * 12 + [2.0] * 9)
    want = np.linalg.solve(design.T @ design + penalty, design.T @ (values - values.mean()))
    np.testing.assert_allclose(np.concatenate([got.users, got.items]), want, atol=1e-4)
    assert got.mean == values.mean()


def test_who_or_what_is_unknown_has_no_bias() -> None:
    ratings = small([5.0, 1.0], [0, 1], [0, 0], (3, 2))
    assert fit_biases(ratings, 1.0, 1.0).at(np.array([2]), np.array([1])).tolist() == [3.0]
    assert user_means(ratings).tolist() == [5.0, 1.0, 3.0]
    assert fit_ratings(ratings, RatingChoice(dim=1)).predict(np.array([2]), np.array([1])).tolist() == [3.0]


def test_similar_items_tell_what_biases_cannot() -> None:
    # even users like even films: nobody's and no film's mean says so
    biases, whole = choose_ratings(TRAIN)
    alone = rmse(fit_ratings(TRAIN, biases).predict(TEST.users, TEST.items), TEST.values)
    both = rmse(fit_ratings(TRAIN, whole).predict(TEST.users, TEST.items), TEST.values)
    assert both < 0.8 * alone
    assert np.isinf(biases.shrinkage)
    assert (biases.user_penalty, biases.item_penalty) == (whole.user_penalty, whole.item_penalty)


def test_an_infinite_shrinkage_leaves_the_biases() -> None:
    alone = fit_ratings(TRAIN, RatingChoice(shrinkage=np.inf))
    assert not alone.corrections.any()
    assert np.abs(fit_ratings(TRAIN, RatingChoice(shrinkage=1e9)).corrections).max() < 1e-6


def test_an_items_own_rating_is_left_out() -> None:
    cosines = item_cosines(TRAIN, 8)
    assert not cosines.diagonal().any()
    assert 0.0 <= cosines.min() < cosines.max() <= 1.0
    choice = RatingChoice(1e9, 1e9, dim=60)
    ratings = small([5.0, 1.0], [0, 0], [0, 1], (1, 2))
    # of film 0 only the rating of film 1 speaks, if anything
    assert fit_ratings(ratings, choice).corrections[0, 0] <= 0.0


def test_predictions_stay_within_ratings() -> None:
    said = fit_ratings(TRAIN, RatingChoice(0.0, 0.0)).predict(*np.indices(TRAIN.shape).reshape(2, -1))
    assert TRAIN.values.min() <= said.min() < said.max() <= TRAIN.values.max()


def test_choices_are_made_again_the_same() -> None:
    assert choose_ratings(TRAIN, 3) == choose_ratings(TRAIN, 3)


def test_without_ratings_nothing_can_be_learnt() -> None:
    nothing = TRAIN.take(np.zeros(len(TRAIN.values), dtype=bool))
    for learn in (lambda: fit_biases(nothing, 1.0, 1.0), lambda: user_means(nothing)):
        with pytest.raises(ValueError, match="no ratings"):
            learn()
    with pytest.raises(ValueError, match="too few ratings"):
        choose_ratings(nothing)
