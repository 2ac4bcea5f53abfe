"""Parts of the training ratings that are held back to choose by; nothing here can reach a test part. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.evaluation.ranking import RankingScores, profiles, rank
from trainer.space.matrix import Interactions

Mask = npt.NDArray[np.bool_]

MAX_USERS = 2000
"""Ranked at each trial; more say nothing new."""
FEW_RATINGS = 200_000
"""Below this the choice is averaged over several cuts, for one alone is noisy."""
COLD_SHARE = 0.2
COLD_CUTS = 3
FEW = (1, 3, 10)
"""Ratings that are left of a film where films with few of them are asked for."""
THIN_SHARE = 0.25
FEW_DRAWS = 3


@dataclass(frozen=True)
class Cut:
    """What is learnt from, and what some users' lists are judged by."""

    part: Interactions
    held: Interactions

    def ranked(
        self,
        vectors: npt.NDArray[Any],
        threshold: float,
        relevant: float,
        users: npt.NDArray[Any] | None = None,
        candidates: Mask | None = None,
    ) -> RankingScores:
        """Scores of the mean of what was liked (``threshold``) in ``vectors``; hits: at least ``relevant``.

        ``users`` [users, dim] are profiles made otherwise; ``candidates`` [items] limits what is ranked.
        """
        if users is None:
            users = profiles(self.part.liked(threshold), vectors)
        # float32 as served, and twice as fast
        single: list[npt.NDArray[Any]] = [users.astype(np.float32), vectors.astype(np.float32)]
        hits = self.held.liked(relevant)
        return rank(single[0], single[1], self.part.rated(), hits, candidates=candidates)


def rating_cuts(ratings: Interactions, share: float, seed: int) -> list[Cut]:
    """A share of all ratings held back: two cuts where there are few ratings, else one.

    Which users are judged is drawn among those who have ratings: rows of others change nothing.
    """
    cuts = []
    for one in range(2 if len(ratings.values) < FEW_RATINGS else 1):
        rng = np.random.default_rng([seed, one])
        held = rng.random(len(ratings.values)) < share
        cuts.append(Cut(ratings.take(~held), ratings.take(held & _some_users(ratings, rng))))
    return cuts


def cold_cuts(ratings: Interactions, seed: int) -> list[tuple[Cut, Mask]]:
    """All ratings of a share of the items held back, and which rated items [items] those are.

    :data:`COLD_CUTS` cuts where there are few ratings, else one. Only items with ratings are judged: of
    the others nobody knows who would have liked them.
    """
    cuts = []
    rated = np.flatnonzero(ratings.counts() > 0)
    for one in range(COLD_CUTS if len(ratings.values) < FEW_RATINGS else 1):
        rng = np.random.default_rng([seed, one, 1])
        cold = np.zeros(len(ratings.item_ids), dtype=bool)
        cold[rng.permutation(rated)[: max(1, round(len(rated) * COLD_SHARE))]] = True
        held = cold[ratings.items]
        cuts.append((Cut(ratings.take(~held), ratings.take(held & _some_users(ratings, rng))), cold))
    return cuts


def few_cuts(ratings: Interactions, seed: int) -> list[tuple[Cut, Mask]]:
    """All but 1, 3 or 10 ratings of a quarter of the items held back, and which items [items] those are.

    A cut a number of :data:`FEW`, over again :data:`FEW_DRAWS` times where there are few ratings; which
    ratings are left is drawn.
    """
    cuts = []
    counts = ratings.counts()
    rated = np.flatnonzero(counts > 0)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    for one in range(FEW_DRAWS if len(ratings.values) < FEW_RATINGS else 1):
        rng = np.random.default_rng([seed, one, 12])
        thin = np.zeros(len(counts), dtype=bool)
        thin[rng.permutation(rated)[: max(1, round(len(rated) * THIN_SHARE))]] = True
        order = np.lexsort((rng.permutation(len(ratings.items)), ratings.items))
        # the place of each rating among its item's
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order)) - starts[ratings.items[order]]
        judged = _some_users(ratings, rng)
        kept = [~thin[ratings.items] | (place < count) for count in FEW]
        cuts += [(Cut(ratings.take(keep), ratings.take(~keep & judged)), thin) for keep in kept]
    return cuts


def _some_users(ratings: Interactions, rng: np.random.Generator) -> Mask:
    """[r]: ratings of at most :data:`MAX_USERS` users."""
    people = np.unique(ratings.users)
    judged = np.zeros(len(ratings.user_ids), dtype=bool)
    judged[rng.permutation(people)[:MAX_USERS]] = True
    return judged[ratings.users]
