"""Users of whom little is known yet, to learn from: a part of the users, whom the space has not seen. Pure.

Networks that have met only users of whom nearly all is known leave those of few ratings to their profiles,
which say less of them than what everybody likes. So users of few ratings have networks of their own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainer.reranker.few import FEW
from trainer.space.matrix import Interactions

Mask = npt.NDArray[np.bool_]

PARTS = 6
"""Spaces that lists are made by; each has not seen its share of the users."""
DRAWS = 4
"""Lists of each."""


def young_users(people: int, rng: np.random.Generator) -> list[Mask]:
    """:data:`PARTS` masks [users]: a share each, everybody once."""
    part = rng.permutation(np.arange(people) % PARTS)
    return [part == number for number in range(PARTS)]


def shown(ratings: Interactions, young: Mask, rng: np.random.Generator, few: int = FEW) -> Mask:
    """[r]: which ratings of the ``young`` [users] are known; who has few keeps at least one unknown.

    Their number is drawn from 1 to ``few``, evenly by its logarithm. They are the first ones where times are
    told: what somebody begins with is not what he likes at large.
    """
    rows = np.flatnonzero(young[ratings.users])
    users = ratings.users[rows]
    # the place of each rating among its user's; equal times are drawn
    times = np.zeros(len(rows)) if ratings.times is None else ratings.times[rows]
    order = np.lexsort((rng.random(len(rows)), times, users))
    counts = np.bincount(users, minlength=len(young))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.empty(len(rows), dtype=np.int64)
    place[order] = np.arange(len(rows)) - starts[users[order]]
    drawn = np.exp(rng.uniform(0, np.log(few + 1), len(young))).astype(np.int64)
    most = np.minimum(drawn, np.maximum(counts - 1, 0))
    out = np.zeros(len(ratings.users), dtype=bool)
    out[rows] = place < most[users]
    return out
