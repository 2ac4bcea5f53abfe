"""How content and ratings join in an item's vector, by numbers chosen on held-out ratings. Pure.

Ratings say two things of a film: the collaborative vector c, sound where there are many, and whose tastes it
meets, which counts where there are few (:mod:`trainer.space.tastes`). Wanted of a film of n ratings is

    (1 - b) content, turned by tastes, + b c        with b = n^4 / (n^4 + half count^4)

A package answers (1 - a) content + a t, t from its item table (DESIGN 1). Its a = n / (n + 1) says only how
far another text or poster still moves a rated film; t is such that the film as training knew it gets what is
wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.evaluation.ranking import RankingScores, profiles
from trainer.space.collaborative import count_weights
from trainer.space.cuts import Cut, Mask
from trainer.space.matrix import Interactions
from trainer.space.tastes import taste_turn

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

HOLD = 1.0
"""Ratings at which half of a change of text or poster still reaches a film's vector."""
POWER = 4
"""Of b: c of three ratings, which says next to nothing, must not count, and that of a hundred count whole."""
MOST_HALF = 1e12
"""Above it b is 0 for any film, and powers still fit."""
STRENGTHS = (0.0, 4.0, 8.0, 16.0, 32.0)


@dataclass(frozen=True)
class Mix:
    """The numbers of it."""

    half_count: float = 0.0
    """Number of ratings at which c counts as much as content."""
    content_scale: float = 1.0
    """Of content vectors beside those of ratings."""
    taste_strength: float = 0.0
    """How far tastes turn content."""


def wanted(
    collaborative: Float64, content: npt.NDArray[Any], ratings: Interactions, threshold: float, mix: Mix
) -> Float64:
    """float64 [items, dim] of c and content [items, dim], the latter before its scale.

    ``ratings`` made c; a like is ``threshold`` or more.
    """
    content = content.astype(np.float64)
    turn = _turn(collaborative, content, ratings, threshold) if mix.taste_strength else np.zeros(1)
    return _joined(collaborative, content, turn, ratings.counts(), mix)


def _turn(collaborative: Float64, content: Float64, ratings: Interactions, threshold: float) -> Float64:
    liked = ratings.liked(threshold)
    return taste_turn(content, liked, profiles(liked, collaborative))


def _joined(
    collaborative: Float64, content: npt.NDArray[Any], turn: Float64, counts: Int64, mix: Mix
) -> Float64:
    turned = mix.content_scale * (content + mix.taste_strength * turn)
    b = rating_weights(counts, mix.half_count)[:, None]
    return (1 - b) * turned + b * collaborative


def rating_weights(counts: Int64, half: float) -> Float64:
    """float64 [items] in 0..1: b, how far c speaks for a film."""
    return count_weights(counts.astype(np.float64) ** POWER, min(half, MOST_HALF) ** POWER)


def hold_weights(counts: Int64) -> Float32:
    """float32 [items]: a of the item table."""
    return count_weights(counts, HOLD).astype(np.float32)


def table_vectors(want: Float64, scaled: npt.NDArray[Any], counts: Int64) -> npt.NDArray[np.float16]:
    """float16 [items, dim]: t, by which a film whose content is ``scaled`` [items, dim] gets what is wanted.

    Zero for films without ratings, which have no row.
    """
    a = hold_weights(counts).astype(np.float64)[:, None]
    apart = want - scaled
    t = scaled + np.divide(apart, a, out=np.zeros_like(apart), where=a > 0)
    out: npt.NDArray[np.float16] = np.where(a > 0, t, 0.0).astype(np.float16)
    return out


def served(
    collaborative: Float64,
    content: npt.NDArray[Any],
    ratings: Interactions,
    threshold: float,
    mix: Mix,
    now: npt.NDArray[Any] | None = None,
) -> Float32:
    """float32 [items, dim]: what a package answers, its table rounded, of films as training knew them.

    ``now`` [items, dim] is what content says of them by now, say after their posters have gone.
    """
    counts = ratings.counts()
    want = wanted(collaborative, content, ratings, threshold, mix)
    scale = np.float32(mix.content_scale)
    said = content.astype(np.float32) * scale
    t = table_vectors(want, said, counts).astype(np.float32)
    a = hold_weights(counts)[:, None]
    says = said if now is None else now.astype(np.float32) * scale
    out: Float32 = (np.float32(1) - a) * says + a * t
    return out


@dataclass(frozen=True)
class Question:
    """A cut, and what its part says of the items; asked of many mixes."""

    cut: Cut
    collaborative: Float64
    content: npt.NDArray[Any]
    threshold: float
    """What a like is."""
    relevant: float
    """What a hit is."""
    asked: Mask | None = None
    """[items] that are ranked; all where None."""

    @cached_property
    def _turn(self) -> Float64:
        return _turn(self.collaborative, self.content.astype(np.float64), self.cut.part, self.threshold)

    @cached_property
    def _counts(self) -> Int64:
        return self.cut.part.counts()

    def vectors(self, mix: Mix) -> Float64:
        """float64 [items, dim]: what would be served, unrounded."""
        return _joined(self.collaborative, self.content, self._turn, self._counts, mix)

    def ranked(self, mix: Mix) -> RankingScores:
        """Scores of what would be served."""
        return self.cut.ranked(self.vectors(mix), self.threshold, self.relevant, None, self.asked)

    def score(self, mix: Mix) -> float:
        """The mean NDCG@10 of it."""
        return float(self.ranked(mix).ndcg.mean())


def choose_mix(
    among_all: Sequence[Question],
    among_few: Sequence[Question],
    halves: Sequence[float],
    scales: Sequence[float],
    say: Callable[[str], None] = lambda _: None,
) -> Mix:
    """Of the mixes that serve all films as well as can be told, the best for films with few ratings.

    ``among_all`` rank all items, whose lists hold next to no film with few ratings and so say little of them;
    ``among_few`` only films of which few ratings are left. All are tried: how far tastes may turn content
    goes with how long it is beside ratings, for profiles are made of both.
    """
    grid = [Mix(half, scale, strength) for half in halves for scale in scales for strength in STRENGTHS]
    whole = {mix: np.concatenate([one.ranked(mix).ndcg for one in among_all]) for mix in grid}
    most = max(whole.values(), key=np.mean)
    as_good = [mix for mix in grid if not _clearly_better(most, whole[mix])]
    few = {mix: [one.score(mix) for one in among_few] for mix in as_good}
    best = max(as_good, key=lambda mix: (sum(few[mix]), whole[mix].mean()))
    say(
        f"{best}: {whole[best].mean():.4f} of {most.mean():.4f} among all films, "
        f"{np.mean(few[best] or [0]):.4f} among films with few ratings"
    )
    return best


def _clearly_better(found: Float64, than: Float64) -> bool:
    """Whether ``found`` [users] is above ``than`` [users] by more than one standard error.

    A user counts once a cut, as if he were several people.
    As of a tree's size (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3).
    """
    apart = found - than
    return bool(apart.mean() > apart.std() / np.sqrt(len(apart)))
