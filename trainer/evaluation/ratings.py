"""A predicted rating: biases of user and item, and what the user thought of similar items. Pure.

    r^_uj = mean + b_u + b_j + sum_i s_ij (r_ui - mean - b_u - b_i) / (sum_i s_ij + shrinkage)

The sum is over the items i that u rated in training, j left out: equation 1 of "VT2" (C. Lehmann, Zurich
University of Applied Sciences: a content-based recommender of trailers), but of residuals: where nothing is
similar the biases are left. s_ij is the cosine of the items' collaborative vectors, zero if negative, to a
power. Nothing but training ratings goes in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt

from trainer.evaluation.metrics import rmse
from trainer.space.matrix import Interactions
from trainer.space.targets import Targets

Float64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SWEEPS = 15
"""Of alternating between users and items; the biases stand still to four digits after ten."""
VALIDATION_SHARE = 0.1
USER_PENALTIES = (1.0, 2.0, 4.0, 8.0, 16.0)
ITEM_PENALTIES = (1.0, 2.0, 4.0, 8.0, 16.0)
DIMS = (8, 16, 32, 64)
POWERS = (1.0, 2.0, 4.0, 8.0)
SHRINKAGES = (0.1, 0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True)
class RatingChoice:
    """The numbers of a predictor."""

    user_penalty: float = 4.0
    """Ratings without a deviation that each user is given beside the real ones."""
    item_penalty: float = 4.0
    dim: int = 32
    """Of the collaborative vectors."""
    power: float = 2.0
    """Of the cosines: how much more the nearest items count."""
    shrinkage: float = 0.3
    """Similarity to an item without a residual that each sum is given; infinity leaves the biases alone."""


@dataclass(frozen=True)
class Biases:
    """How much users and items differ from the mean of all ratings."""

    mean: float
    users: Float64
    """[users]; 0 of whom there is no rating."""
    items: Float64
    """[items]."""

    def at(self, users: Ints, items: Ints) -> Float64:
        """[n]: the ratings that they say of n pairs."""
        out: Float64 = self.mean + self.users[users] + self.items[items]
        return out


def fit_biases(ratings: Interactions, user_penalty: float, item_penalty: float) -> Biases:
    """Least squares with penalties, by turns of closed forms (Koren, Bell & Volinsky, Computer 2009).

    Raises:
        ValueError: if there are no ratings.
    """
    if not len(ratings.values):
        raise ValueError("no ratings to learn biases from")
    people, films = ratings.shape
    mean = float(ratings.values.mean())
    deviation = ratings.values - mean
    of_user = np.bincount(ratings.users, minlength=people) + user_penalty
    of_item = np.bincount(ratings.items, minlength=films) + item_penalty
    users, items = np.zeros(people), np.zeros(films)
    for _ in range(SWEEPS):
        items = np.bincount(ratings.items, deviation - users[ratings.users], films) / of_item
        users = np.bincount(ratings.users, deviation - items[ratings.items], people) / of_user
    return Biases(mean, users, items)


def user_means(ratings: Interactions) -> Float64:
    """[users]: each user's mean rating, the mean of all where there is none: the plainest baseline.

    Raises:
        ValueError: if there are no ratings.
    """
    if not len(ratings.values):
        raise ValueError("no ratings to take a mean of")
    count = np.bincount(ratings.users, minlength=ratings.shape[0])
    total = np.bincount(ratings.users, ratings.values, ratings.shape[0])
    out: Float64 = np.divide(total, count, out=np.full(len(count), ratings.values.mean()), where=count > 0)
    return out


def item_cosines(ratings: Interactions, dim: int) -> Float64:
    """[items, items] from 0 to 1: cosines of collaborative vectors, 0 if negative; 0 with itself."""
    vectors = Targets(dim=dim).vectors(ratings)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    out: Float64 = np.clip(unit @ unit.T, 0.0, 1.0)
    np.fill_diagonal(out, 0.0)
    return out


def dense(ratings: Interactions, values: npt.ArrayLike) -> Float64:
    """[users, items] with one of ``values`` [r] (or the same) at each rating, else 0."""
    out = np.zeros(ratings.shape)
    out[ratings.users, ratings.items] = values
    return out


def similar_mean(sums: Float64, weights: Float64, shrinkage: float) -> Float64:
    """``sums`` over ``weights`` + ``shrinkage``, all of one shape; 0 where nothing is similar."""
    total = weights + shrinkage
    out: Float64 = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)
    return out


def _around(ratings: Interactions, residuals: Float64, similar: Float64) -> tuple[Float64, Float64]:
    """[users, items] each: similarities times residuals, and similarities, summed over what a user rated."""
    return dense(ratings, residuals) @ similar, dense(ratings, 1.0) @ similar


@dataclass(frozen=True)
class RatingPredictor:
    """Biases and the mean residual of similar items, learnt from ratings."""

    biases: Biases
    corrections: Float64
    """[users, items]."""
    lowest: float
    highest: float

    def predict(self, users: Ints, items: Ints) -> Float64:
        """[n]: the ratings of n pairs, within what ratings can be."""
        found = self.biases.at(users, items) + self.corrections[users, items]
        out: Float64 = np.clip(found, self.lowest, self.highest)
        return out


def fit_ratings(ratings: Interactions, choice: RatingChoice) -> RatingPredictor:
    """A predictor from all of ``ratings``.

    Raises:
        ValueError: if there are none.
    """
    biases = fit_biases(ratings, choice.user_penalty, choice.item_penalty)
    residuals = ratings.values - biases.at(ratings.users, ratings.items)
    if np.isinf(choice.shrinkage):
        corrections = np.zeros(ratings.shape)
    else:
        similar = item_cosines(ratings, choice.dim) ** choice.power
        corrections = similar_mean(*_around(ratings, residuals, similar), choice.shrinkage)
    return RatingPredictor(biases, corrections, float(ratings.values.min()), float(ratings.values.max()))


def choose_ratings(train: Interactions, seed: int = 0) -> tuple[RatingChoice, RatingChoice]:
    """(biases alone, whole predictor): the numbers with the least RMSE on a random cut of ``train``.

    Penalties first, for the biases alone; then dimension, power and shrinkage beside them.

    Raises:
        ValueError: if there are too few ratings to hold some out.
    """
    held = np.random.default_rng([seed, 11]).random(len(train.values)) < VALIDATION_SHARE
    part, validation = train.take(~held), train.take(held)
    if not len(part.values) or not len(validation.values):
        raise ValueError("too few ratings to hold some out for validation")
    users, items = validation.users, validation.items

    def alone(penalties: tuple[float, float]) -> float:
        return rmse(fit_biases(part, *penalties).at(users, items), validation.values)

    user_penalty, item_penalty = min(product(USER_PENALTIES, ITEM_PENALTIES), key=alone)
    biases = fit_biases(part, user_penalty, item_penalty)
    residuals = part.values - biases.at(part.users, part.items)
    begin = RatingChoice(user_penalty, item_penalty, shrinkage=np.inf)
    tried: dict[RatingChoice, float] = {}
    for dim in DIMS:
        cosines = item_cosines(part, dim)
        for power in POWERS:
            sums, weights = (one[users, items] for one in _around(part, residuals, cosines**power))
            for shrinkage in SHRINKAGES:
                said = biases.at(users, items) + similar_mean(sums, weights, shrinkage)
                choice = replace(begin, dim=dim, power=power, shrinkage=shrinkage)
                tried[choice] = rmse(said, validation.values)
    return begin, min(tried, key=lambda one: tried[one])
