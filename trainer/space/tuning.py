"""Chooses a space's numbers on validation cuts of the training ratings alone. Pure.

The one search: ``marquee train space`` (so what is served), ``marquee evaluate`` and the benchmarks call
:func:`tune`. What an option names is taken, not searched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.evaluation.ranking import profiles
from trainer.space.choice import Choice, Float64, fit_content
from trainer.space.content import FilmFeatures
from trainer.space.cuts import Cut, Mask, cold_cuts, few_cuts, rating_cuts
from trainer.space.matrix import Interactions
from trainer.space.mixing import Question, choose_mix
from trainer.space.options import (
    ACTIVITY_POWERS,
    AUTO,
    DIMS,
    HALF_COUNTS,
    LIKE_THRESHOLDS,
    NEUTRAL_WEIGHTS,
    PENALTIES,
    REGULARISATIONS,
    SCALES,
    SIDE_WEIGHTS,
    TOP_WEIGHTS,
    SpaceOptions,
)
from trainer.space.targets import Targets

Say = Callable[[str], None]


@dataclass(frozen=True)
class Tuned:
    """The numbers chosen, and how well they did on the validation cuts."""

    choice: Choice
    metrics: dict[str, float]


@dataclass(frozen=True)
class _Search:
    cuts: Sequence[Cut]
    side: Float64 | None
    relevant: float
    lambdas: Sequence[float]

    def score(self, choice: Choice, vectors: Sequence[npt.NDArray[Any]]) -> Choice:
        """``choice`` with the mean NDCG@10 of its vectors, one array a cut."""
        found = [
            cut.ranked(one, choice.like_threshold, self.relevant).ndcg.mean()
            for cut, one in zip(self.cuts, vectors, strict=True)
        ]
        return replace(choice, validation=float(np.mean(found)))

    def best_of(self, base: Choice, dims: Sequence[int], lambdas: Sequence[float]) -> Choice:
        """The best dim and lambda for the other numbers of ``base``: one decomposition a cut.

        Every lambda is tried with the middle dim, and its best one and that one's neighbours with the others.
        """
        spectra = [replace(base, dim=max(dims)).spectrum(cut.part, self.side) for cut in self.cuts]

        def tried(dim: int, one: float) -> Choice:
            trial = replace(base, dim=dim, regularisation=one)
            return self.score(trial, [trial.vectors_of(spectrum) for spectrum in spectra])

        middle = dims[len(dims) // 2]
        best = max((tried(middle, one) for one in lambdas), key=_validation)
        near = self.near(best)
        return max([best, *(tried(d, one) for d in dims if d != middle for one in near)], key=_validation)

    def near(self, choice: Choice) -> Sequence[float]:
        """The lambda of ``choice`` and its neighbours in the grid."""
        at = list(self.lambdas).index(choice.regularisation)
        return self.lambdas[max(0, at - 1) : at + 2]


def _validation(choice: Choice) -> float:
    return choice.validation


def _choices(option: float, grid: Sequence[float]) -> Sequence[float]:
    return grid if option == AUTO else (option,)


def choose_targets(
    ratings: Interactions, side: Float64 | None, options: SpaceOptions, say: Say = lambda _: None
) -> Choice:
    """The vectors of rated items that rank held-out ratings best, without the encoder's content.

    First dim and lambda, then, each with lambda near the last one: what the catalogue counts (``side``
    [items, f]: genres, year and people), how far busy users are shortened, the highest rating, the neutral
    weight and the like threshold.

    Raises:
        ValueError: if nothing can be held out.
    """
    return _targets(_search(ratings, side, options), options, say)


def _search(ratings: Interactions, side: Float64 | None, options: SpaceOptions) -> _Search:
    cuts = rating_cuts(ratings, options.validation_share, options.seed)
    if any(not (cut.held.values >= options.relevant).any() for cut in cuts):
        raise ValueError("too few liked items to hold some out for validation")
    return _Search(cuts, side, options.relevant, _choices(options.regularisation, REGULARISATIONS))


def _targets(search: _Search, options: SpaceOptions, say: Say) -> Choice:
    grids: dict[str, Sequence[float]] = {
        "side_weight": _choices(options.side_weight, SIDE_WEIGHTS) if search.side is not None else (0.0,),
        "activity_power": _choices(options.activity_power, ACTIVITY_POWERS),
        "top_weight": _choices(options.top_weight, TOP_WEIGHTS),
        "neutral_weight": _choices(options.neutral_weight, NEUTRAL_WEIGHTS),
        "like_threshold": _choices(options.like_threshold, LIKE_THRESHOLDS),
    }
    dims = DIMS if options.dim == AUTO else (options.dim,)
    begin = replace(Choice(), **{name: grid[0] for name, grid in grids.items()})  # type: ignore[arg-type]
    best = search.best_of(begin, dims, search.lambdas)
    say(f"dim {best.dim}, lambda {best.regularisation}: {best.validation:.4f}")
    for name, grid in grids.items():
        start = best
        for value in grid[1:]:
            base = replace(start, **{name: value})  # type: ignore[arg-type]
            # a threshold may leave whole cuts without a like
            if all((cut.part.values >= base.like_threshold).any() for cut in search.cuts):
                found = search.best_of(base, [start.dim], search.near(start))
                best = max(best, found, key=_validation)
        if len(grid) > 1:
            say(f"{name} {getattr(best, name)}: {best.validation:.4f}")
    return best


def choose_penalty(
    ratings: Interactions, features: FilmFeatures, choice: Choice, options: SpaceOptions
) -> tuple[float, float]:
    """The ridge penalty that ranks held-out items (a share of all) best among themselves, and its NDCG@10."""
    cuts = cold_cuts(ratings, options.seed)
    scores = dict.fromkeys(_choices(options.penalty, PENALTIES), 0.0)
    for cut, cold in cuts:
        vectors, counts = choice.vectors(cut.part, features.side), cut.part.counts()
        users = profiles(cut.part.liked(choice.like_threshold), vectors)
        for penalty in scores:
            content = fit_content(features.all, vectors, counts, penalty)
            ranked = cut.ranked(content, choice.like_threshold, options.relevant, users, cold)
            scores[penalty] += ranked.summary(int(cold.sum()))["ndcg@10"] / len(cuts)
    best = max(scores, key=lambda one: scores[one])
    return best, scores[best]


def tune(
    ratings: Interactions, features: FilmFeatures | None, options: SpaceOptions, say: Say = lambda _: None
) -> Tuned:
    """The targets; then the penalty, by items held out whole; then how content and ratings join.

    ``features`` are those of all of the columns of ``ratings``; without them only the targets are chosen.

    Raises:
        ValueError: if nothing can be held out.
    """
    search = _search(ratings, None if features is None else features.side, options)
    targets = _targets(search, options, say)
    if features is None:
        return Tuned(targets, {})
    penalty, cold = choose_penalty(ratings, features, targets, options)
    base = replace(targets, penalty=penalty)

    def regressed(part: Interactions, vectors: Float64) -> Float64:
        return fit_content(features.all, vectors, part.counts(), penalty)

    among_all, among_few = questions(ratings, base, features.side, regressed, search.cuts, options)
    halves = _choices(options.half_count, HALF_COUNTS)
    mix = choose_mix(among_all, among_few, halves, SCALES, say)
    best = replace(
        base,
        half_count=mix.half_count,
        content_scale=mix.content_scale,
        taste_strength=mix.taste_strength,
    )
    both = [one.vectors(mix) for one in among_all]
    best = search.score(best, both)
    say(f"penalty {penalty}: {best.validation:.4f}")
    vectors, content = [one.collaborative for one in among_all], [one.content for one in among_all]
    metrics = _metrics(search, best, both, vectors, content)
    few = [one.score(mix) for one in among_few]
    if few:
        metrics["few_validation_ndcg@10"] = float(np.mean(few))
    return Tuned(best, metrics | {"cold_validation_ndcg@10": cold})


def questions(
    ratings: Interactions,
    targets: Targets,
    side: Float64 | None,
    content: Callable[[Interactions, Float64], npt.NDArray[Any]],
    cuts: Sequence[Cut],
    options: SpaceOptions,
) -> tuple[list[Question], list[Question]]:
    """What is asked of a mix: of all items by ``cuts``, and of those of which few ratings are left.

    ``content`` gives content vectors [items, dim] learnt from a part and its collaborative vectors.
    """

    def of(cut: Cut, asked: Mask | None = None) -> Question:
        vectors = targets.vectors(cut.part, side)
        said = content(cut.part, vectors)
        return Question(cut, vectors, said, targets.like_threshold, options.relevant, asked)

    few = [
        of(cut, thin)
        for cut, thin in few_cuts(ratings, options.seed)
        if (cut.held.values >= options.relevant).any() and (cut.part.values >= targets.like_threshold).any()
    ]
    return [of(cut) for cut in cuts], few


def _metrics(
    search: _Search,
    best: Choice,
    both: Sequence[npt.NDArray[Any]],
    ratings_only: Sequence[Float64],
    content_only: Sequence[Float64],
) -> dict[str, float]:
    """Means over the cuts, as a package's manifest has them."""
    parts = [
        cut.ranked(vectors, best.like_threshold, search.relevant).summary(len(vectors))
        for cut, vectors in zip(search.cuts, both, strict=True)
    ]
    metrics = {f"validation_{name}": float(np.mean([one[name] for one in parts])) for name in parts[0]}
    metrics["validation_ndcg@10_ratings_only"] = search.score(best, ratings_only).validation
    metrics["validation_ndcg@10_content_only"] = search.score(best, content_only).validation
    return metrics
