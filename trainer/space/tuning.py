"""Chooses what is to be chosen on a validation part of the training data, never on test data. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from trainer.evaluation.ranking import Float64, profiles, rank
from trainer.space.collaborative import count_weights
from trainer.space.content import FilmFeatures, fit_ridge
from trainer.space.matrix import Interactions
from trainer.space.options import (
    ACTIVITY_POWERS,
    AUTO,
    HALF_COUNTS,
    PENALTIES,
    REGULARISATIONS,
    SIDE_WEIGHTS,
    TOP_WEIGHTS,
    SpaceOptions,
)
from trainer.space.targets import Targets

MAX_USERS = 2000
"""Ranked at each trial; more say nothing new."""
COLD_SHARE = 0.2


@dataclass(frozen=True)
class Tuned:
    """The numbers chosen, and how well they did on the validation part."""

    targets: Targets
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


def choose_targets(data: Interactions, side: Float64, options: SpaceOptions) -> Targets:
    """The vectors of rated films that rank held-out ratings best, without the content of the encoder.

    One number after the other, lambda with each: what the catalogue counts, busy users, the highest rating.
    ``side`` [items, f] are genres, year and people.
    """
    part, validation = rating_cut(data, options)
    liked, rated = part.liked(options.like_threshold), part.rated()
    relevant = validation.liked(options.like_threshold)

    def best_lambda(base: Targets) -> tuple[float, Targets]:
        spectrum, tried = base.spectrum(part, side), []
        for one in _choices(options.regularisation, REGULARISATIONS):
            trial = replace(base, regularisation=one)
            vectors = trial.vectors_of(spectrum)
            ranked = rank(profiles(liked, vectors), vectors, rated, relevant)
            tried.append((float(ranked.ndcg.mean()), trial))
        return max(tried, key=lambda one: one[0])

    grids = {
        "side_weight": _choices(options.side_weight, SIDE_WEIGHTS),
        "activity_power": _choices(options.activity_power, ACTIVITY_POWERS),
        "top_weight": _choices(options.top_weight, TOP_WEIGHTS),
    }
    start = Targets(
        dim=options.dim,
        neutral_weight=options.neutral_weight,
        like_threshold=options.like_threshold,
    )
    best = best_lambda(_with(start, {name: grid[0] for name, grid in grids.items()}))
    for name, grid in grids.items():
        others = [best_lambda(_with(best[1], {name: one})) for one in grid[1:]]
        best = max([best, *others], key=lambda one: one[0])
    return best[1]


def _with(targets: Targets, numbers: dict[str, float]) -> Targets:
    return replace(targets, **numbers)  # type: ignore[arg-type]


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
    data: Interactions, features: FilmFeatures, targets: Targets, options: SpaceOptions
) -> tuple[float, float]:
    """The ridge penalty that ranks held-out items (a share of all) best among themselves, and its NDCG@10."""
    warm_part, cold_part, cold = cold_cut(data, options)
    vectors = targets.vectors(warm_part, features.side)
    users = profiles(warm_part.liked(options.like_threshold), vectors)
    relevant = cold_part.liked(options.like_threshold)
    counts, choices = warm_part.counts(), _choices(options.penalty, PENALTIES)
    scores = []
    for penalty in choices:
        content = fit_content(features.all, vectors, counts, penalty)
        scored = rank(users, content, warm_part.rated(), relevant, candidates=cold)
        scores.append(scored.summary(int(cold.sum()))["ndcg@10"])
    return _best(choices, scores), max(scores)


def tune(data: Interactions, features: FilmFeatures, options: SpaceOptions) -> Tuned:
    """Chooses the targets, then the penalty for cold items, then where ratings take over from content.

    ``features`` are those of all of ``data``'s items.
    """
    part, validation = rating_cut(data, options)
    liked, rated = part.liked(options.like_threshold), part.rated()
    relevant = validation.liked(options.like_threshold)

    def score(vectors: Float64) -> dict[str, float]:
        return rank(profiles(liked, vectors), vectors, rated, relevant).summary(vectors.shape[0])

    targets = choose_targets(data, features.side, options)
    penalty, cold = choose_penalty(data, features, targets, options)
    vectors, counts = targets.vectors(part, features.side), part.counts()
    content = fit_content(features.all, vectors, counts, penalty)
    halves = _choices(options.half_count, HALF_COUNTS)
    scores = [score(blend(vectors, content, counts, half))["ndcg@10"] for half in halves]
    half = _best(halves, scores)
    metrics = {f"validation_{k}": value for k, value in score(blend(vectors, content, counts, half)).items()}
    metrics["validation_ndcg@10_ratings_only"] = score(vectors)["ndcg@10"]
    metrics["validation_ndcg@10_content_only"] = score(content)["ndcg@10"]
    metrics["cold_validation_ndcg@10"] = cold
    return Tuned(targets, penalty, half, metrics)
