"""Chooses dim, lambda, neutral weight and like threshold on validation cuts of training data alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.evaluation.ranking import Float64, profiles, rank
from trainer.space.collaborative import count_weights
from trainer.space.content import FilmFeatures
from trainer.space.matrix import Interactions
from trainer.space.options import ACTIVITY_POWERS, SIDE_WEIGHTS, TOP_WEIGHTS
from trainer.space.targets import Targets
from trainer.space.tuning import fit_content

DIMS = (128, 256, 512)
REGULARISATIONS = tuple(map(float, (15, 50, 100, 200, 300, 450, 600, 800, 1100, 1500, 2100, 3000, 4000)))
NEUTRAL_WEIGHTS = (0.5, 0.0, 0.25, 0.75)
LIKE_THRESHOLDS = (4.0, 3.0)
HALF_COUNTS = (0.0, 0.5, 1.5)
SCALES = (1.0, 0.5, 0.25)
MAX_USERS = 2000
FEW_RATINGS = 200_000
"""Below this the choice is averaged over several cuts, for one alone is noisy."""
RELEVANT = 4.0
"""What counts as a hit, whatever the space takes for liked."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Choice(Targets):
    """The numbers of a space: of its collaborative vectors, and of the content beside them."""

    half_count: float = 0.0
    """Of the weight a = n / (n + half) of ratings against content."""
    penalty: float = 10.0
    """Of the ridge from content."""
    content_scale: float = 1.0
    """Of the content vectors: the ridge learns from films that were rated, mostly well-known ones, and so
    makes films that nobody rated too long. A package holds it in its head's weights."""
    validation: float = 0.0
    """NDCG@10 on the validation cuts."""


def blended(
    ratings: Interactions, features: FilmFeatures | None, collaborative: Float64, choice: Choice
) -> npt.NDArray[np.float32]:
    """float32 [items, dim]: what the encoder answers, its table rounded to float16 as packages hold it.

    Without ``features`` items that nobody rated have zero vectors.
    """
    c = collaborative.astype(np.float16).astype(np.float32)
    if features is None:
        return c
    counts = ratings.counts()
    predicted = fit_content(features.all, collaborative, counts, choice.penalty).astype(np.float32)
    predicted *= np.float32(choice.content_scale)
    a = count_weights(counts, choice.half_count).astype(np.float32)[:, None]
    out: npt.NDArray[np.float32] = (np.float32(1) - a) * predicted + a * c
    return out


def space_vectors(
    ratings: Interactions, features: FilmFeatures | None, choice: Choice
) -> npt.NDArray[np.float32]:
    """float32 [items, dim] of a space trained on ``ratings``."""
    return blended(ratings, features, choice.vectors(ratings, _side(features)), choice)


def _side(features: FilmFeatures | None) -> Float64 | None:
    return None if features is None else features.side


@dataclass(frozen=True)
class _Cut:
    part: Interactions
    held: Interactions

    def ndcg(self, vectors: npt.NDArray[Any], threshold: float) -> float:
        relevant = self.held.liked(RELEVANT)
        users = profiles(self.part.liked(threshold), vectors)
        # float32 as served, and twice as fast
        single: list[npt.NDArray[Any]] = [users.astype(np.float32), vectors.astype(np.float32)]
        return float(rank(single[0], single[1], self.part.rated(), relevant).ndcg.mean())


def _cuts(ratings: Interactions, share: float, seed: int) -> Iterator[_Cut]:
    number = 2 if len(ratings.values) < FEW_RATINGS else 1
    for one in range(number):
        rng = np.random.default_rng([seed, one])
        held = rng.random(len(ratings.values)) < share
        people = np.zeros(len(ratings.user_ids), dtype=bool)
        people[rng.permutation(len(people))[:MAX_USERS]] = True
        yield _Cut(ratings.take(~held), ratings.take(held & people[ratings.users]))


def _spectral(
    cuts: Sequence[_Cut],
    side: Float64 | None,
    base: Choice,
    dims: Sequence[int],
    regularisations: Sequence[float],
) -> Choice:
    """The best dim and lambda for the thresholds and weights of ``base``: one decomposition a cut.

    Every lambda is tried with the middle dim, and its best one and that one's neighbours with the others.
    """
    spectra = [replace(base, dim=max(dims)).spectrum(cut.part, side) for cut in cuts]

    def tried(dim: int, one: float) -> Choice:
        trial = replace(base, dim=dim, regularisation=one)
        scores = [
            cut.ndcg(trial.vectors_of(spectrum), base.like_threshold)
            for cut, spectrum in zip(cuts, spectra, strict=True)
        ]
        return replace(trial, validation=float(np.mean(scores)))

    middle = dims[len(dims) // 2]
    best = max((tried(middle, one) for one in regularisations), key=lambda c: c.validation)
    near = _near(best.regularisation, regularisations)
    others = [tried(dim, one) for dim in dims if dim != middle for one in near]
    return max([best, *others], key=lambda c: c.validation)


def _near(value: float, grid: Sequence[float]) -> list[float]:
    """``value`` and its neighbours in the grid."""
    at = list(grid).index(value)
    return list(grid[max(0, at - 1) : at + 2])


def choose(
    ratings: Interactions,
    features: FilmFeatures | None,
    dim: int | None = None,
    share: float = 0.1,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Choice:
    """The numbers that rank held-out training ratings best; ``dim`` fixes the dimension.

    First dim and lambda, then what the catalogue counts, how far busy users are shortened, the highest
    rating, the neutral weight and the like threshold (each with lambda near the last one), then the half
    count of content against ratings.

    Raises:
        ValueError: if nothing can be held out.
    """
    cuts = list(_cuts(ratings, share, seed))
    if any(not (cut.held.values >= RELEVANT).any() for cut in cuts):
        raise ValueError("too few liked items to hold some out for validation")
    side, grids = _side(features), _grids(features)
    start = replace(Choice(), **{name: grid[0] for name, grid in grids.items()})  # type: ignore[arg-type]
    best = _spectral(cuts, side, start, [dim] if dim else DIMS, REGULARISATIONS)
    say(f"dim {best.dim}, lambda {best.regularisation}: {best.validation:.4f}")
    for name, grid in grids.items():
        start, near = best, _near(best.regularisation, REGULARISATIONS)
        for value in grid:
            if value == getattr(start, name):
                continue
            base = replace(start, **{name: value})  # type: ignore[arg-type]
            # a threshold may leave whole cuts without a like
            if all((cut.part.values >= base.like_threshold).any() for cut in cuts):
                best = max(best, _spectral(cuts, side, base, [start.dim], near), key=lambda c: c.validation)
        say(f"{name} {getattr(best, name)}: {best.validation:.4f}")
    return best if features is None else _with_content(cuts, features, best, say)


def _grids(features: FilmFeatures | None) -> dict[str, Sequence[float]]:
    """Numbers tried one after the other; the first of each is where the search begins."""
    weights = {"side_weight": SIDE_WEIGHTS} if features is not None else {}
    return weights | {
        "activity_power": ACTIVITY_POWERS,
        "top_weight": TOP_WEIGHTS,
        "neutral_weight": NEUTRAL_WEIGHTS,
        "like_threshold": LIKE_THRESHOLDS,
    }


def _with_content(cuts: Sequence[_Cut], features: FilmFeatures, best: Choice, say: Say) -> Choice:
    grid = [replace(best, half_count=half, content_scale=scale) for half in HALF_COUNTS for scale in SCALES]
    scores = np.zeros(len(grid))
    for cut in cuts:
        collaborative = best.vectors(cut.part, features.side)
        for i, one in enumerate(grid):
            vectors = blended(cut.part, features, collaborative, one)
            scores[i] += cut.ndcg(vectors, best.like_threshold) / len(cuts)
    chosen = replace(grid[int(scores.argmax())], validation=float(scores.max()))
    say(f"half count {chosen.half_count}, content x {chosen.content_scale}: {chosen.validation:.4f}")
    return chosen
