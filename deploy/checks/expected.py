"""What a user's row must hold, computed in float64 from his document and the item vectors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from streaming.control.documents import Policy
from streaming.documents import Ratings

LIKED: Final = "liked"
NEUTRAL: Final = "neutral"
DISLIKED: Final = "disliked"

Float64 = npt.NDArray[np.float64]


def weight_class(value: float, policy: Policy) -> str:
    """``liked`` from the like threshold on, ``neutral`` from the neutral one, else ``disliked``."""
    if value >= policy.like_threshold:
        return LIKED
    return NEUTRAL if value >= policy.neutral_threshold else DISLIKED


@dataclass(frozen=True)
class ExpectedRow:
    """A user's row as it must be.

    ``vector``: float64 of shape (dim,), zero for a user without a liked film that has a vector. ``scale``:
    the mean length of the vectors that weigh (the liked ones, under `mean`), each counted by its weight, 0
    where there is none: errors are relative to it. ``seen``: item -> class for every rating that is not
    taken back, whether or not the film has a vector.
    """

    vector: Float64
    scale: float
    seen: dict[str, str]
    weighing: int

    def error(self, vector: Float64) -> float:
        """|vector - expected| / scale; without a scale 0 for a zero vector, else infinite."""
        distance = float(np.linalg.norm(vector - self.vector))
        if distance == 0.0:
            return 0.0
        return distance / self.scale if self.scale else float("inf")


def _faded(age_s: int, policy: Policy) -> float:
    """What is left of a weight after so many seconds."""
    return 0.5 ** (age_s / 86_400 / policy.half_life_days) if policy.half_life_days else 1.0


def expected_row(ratings: Ratings, vectors: Mapping[str, Float64], dim: int, policy: Policy) -> ExpectedRow:
    """The row of a user with these ratings, in a space with these item vectors and this policy."""
    seen = {item: weight_class(value, policy) for item, (value, _) in ratings.items() if value is not None}
    weights = {LIKED: policy.liked, NEUTRAL: policy.neutral, DISLIKED: policy.disliked}
    if policy.name == "mean":
        weights = {LIKED: 1.0, NEUTRAL: 0.0, DISLIKED: 0.0}
    weighing = {item: kind for item, kind in seen.items() if item in vectors and weights[kind] != 0.0}
    # the age of a rating against the user's last second: any other moment gives the same profile
    newest = max((ratings[item][1] // 1000 for item in weighing), default=0)
    used = [
        (weights[kind] * _faded(newest - ratings[item][1] // 1000, policy), kind, vectors[item])
        for item, kind in weighing.items()
    ]
    if not any(kind == LIKED for _, kind, _ in used):
        return ExpectedRow(np.zeros(dim), 0.0, seen, 0)
    total, absolute = np.zeros(dim), 0.0
    for weight, _, vector in used:
        total += weight * vector
        absolute += abs(weight)
    scale = float(sum(abs(weight) * np.linalg.norm(vector) for weight, _, vector in used) / absolute)
    return ExpectedRow(total / absolute, scale, seen, len(used))
