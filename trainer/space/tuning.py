"""Chooses what is to be chosen on a validation part of the training data, never on test data. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.evaluation.ranking import Float64, profiles, rank
from trainer.space.collaborative import count_weights, item_vectors, top_eigenpairs
from trainer.space.content import fit_ridge
from trainer.space.matrix import Interactions
from trainer.space.options import AUTO, HALF_COUNTS, PENALTIES, REGULARISATIONS, SpaceOptions

MAX_USERS = 2000
"""Ranked at each trial; more say nothing new."""
COLD_SHARE = 0.2


@dataclass(frozen=True)
class Tuned:
    """The numbers chosen, and how well they did on the validation part."""

    regularisation: float
    penalty: float
    half_count: float
    metrics: dict[str, float]


def sample_weights(counts: npt.NDArray[np.int64]) -> Float64:
    """How much each item counts in the regression: sqrt(n), for targets of more ratings are less noisy."""
    return np.sqrt(counts.astype(np.float64))


def fit_content(
    features: Float64, vectors: Float64, counts: npt.NDArray[np.int64], penalty: float
) -> Float64:
    """[items, dim]: content vectors of all items by a regression on the warm ones (n > 0) alone."""
    warm = counts > 0
    ridge = fit_ridge(features[warm], vectors[warm], sample_weights(counts[warm]), penalty)
    return ridge.predict(features)


def blend(vectors: Float64, content: Float64, counts: npt.NDArray[np.int64], half: float) -> Float64:
    """(1 - a) content + a c with a by rating count."""
    a = count_weights(counts, half)[:, None]
    return (1 - a) * content + a * vectors


def _few_users(data: Interactions, rng: np.random.Generator) -> Interactions:
    users = len(data.user_ids)
    if users <= MAX_USERS:
        return data
    chosen = np.zeros(users, dtype=bool)
    chosen[rng.choice(users, MAX_USERS, replace=False)] = True
    return data.take(chosen[data.users])


def _best(choices: Sequence[float], scores: Sequence[float]) -> float:
    return choices[int(np.argmax(scores))]


def _choices(option: float, grid: Sequence[float]) -> Sequence[float]:
    return grid if option == AUTO else (option,)


def choose_regularisation(data: Interactions, options: SpaceOptions) -> float:
    """The lambda that ranks held-out ratings best by ratings alone."""
    part, validation = rating_cut(data, options)
    liked, rated = part.liked(options.like_threshold), part.rated()
    relevant = validation.liked(options.like_threshold)
    w, v = top_eigenpairs(part.matrix(options.like_threshold, options.neutral_weight), options.dim)
    choices, scores = _choices(options.regularisation, REGULARISATIONS), []
    for one in choices:
        vectors = item_vectors(w, v, one, options.dim)
        scores.append(
            rank(profiles(liked, vectors), vectors, rated, relevant).summary(len(vectors))["ndcg@10"]
        )
    return _best(choices, scores)


def rating_cut(data: Interactions, options: SpaceOptions) -> tuple[Interactions, Interactions]:
    """(ratings to learn from, ratings of some users to rank by): a share of all held out."""
    rng = np.random.default_rng(options.seed)
    held = rng.random(len(data.values)) < options.validation_share
    return data.take(~held), _few_users(data.take(held), rng)


def cold_cut(
    data: Interactions, options: SpaceOptions
) -> tuple[Interactions, Interactions, npt.NDArray[np.bool_]]:
    """(ratings to learn from, ratings of held-out items to rank by, which items [items] those are)."""
    rng = np.random.default_rng(options.seed + 1)
    cold = rng.random(len(data.item_ids)) < COLD_SHARE
    return data.take(~cold[data.items]), _few_users(data.take(cold[data.items]), rng), cold


def choose_penalty(
    data: Interactions, features: Float64, regularisation: float, options: SpaceOptions
) -> tuple[float, float]:
    """The ridge penalty that ranks held-out items (a share of all) best among themselves, and its NDCG@10."""
    warm_part, cold_part, cold = cold_cut(data, options)
    w, v = top_eigenpairs(warm_part.matrix(options.like_threshold, options.neutral_weight), options.dim)
    vectors = item_vectors(w, v, regularisation, options.dim)
    users = profiles(warm_part.liked(options.like_threshold), vectors)
    relevant = cold_part.liked(options.like_threshold)
    counts, choices = warm_part.counts(), _choices(options.penalty, PENALTIES)
    scores = []
    for penalty in choices:
        content = fit_content(features, vectors, counts, penalty)
        scored = rank(users, content, warm_part.rated(), relevant, candidates=cold)
        scores.append(scored.summary(int(cold.sum()))["ndcg@10"])
    return _best(choices, scores), max(scores)


def tune(data: Interactions, features: Float64, options: SpaceOptions) -> Tuned:
    """Chooses lambda, then the penalty for cold items, then where ratings take over from content.

    ``features`` [items, f] are the content of all of ``data``'s items.
    """
    part, validation = rating_cut(data, options)
    liked, rated = part.liked(options.like_threshold), part.rated()
    relevant = validation.liked(options.like_threshold)
    w, v = top_eigenpairs(part.matrix(options.like_threshold, options.neutral_weight), options.dim)

    def score(vectors: Float64) -> dict[str, float]:
        return rank(profiles(liked, vectors), vectors, rated, relevant).summary(vectors.shape[0])

    regularisation = choose_regularisation(data, options)
    penalty, cold = choose_penalty(data, features, regularisation, options)
    vectors, counts = item_vectors(w, v, regularisation, options.dim), part.counts()
    content = fit_content(features, vectors, counts, penalty)
    halves = _choices(options.half_count, HALF_COUNTS)
    scores = [score(blend(vectors, content, counts, half))["ndcg@10"] for half in halves]
    half = _best(halves, scores)
    metrics = {f"validation_{k}": value for k, value in score(blend(vectors, content, counts, half)).items()}
    metrics["validation_ndcg@10_ratings_only"] = score(vectors)["ndcg@10"]
    metrics["validation_ndcg@10_content_only"] = score(content)["ndcg@10"]
    metrics["cold_validation_ndcg@10"] = cold
    return Tuned(regularisation, penalty, half, metrics)
