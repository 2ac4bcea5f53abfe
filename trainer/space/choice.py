"""The numbers of a space, and the item vectors that they make of ratings and content. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.space.content import FilmFeatures, fit_ridge
from trainer.space.matrix import Interactions
from trainer.space.mixing import Mix, served
from trainer.space.targets import Targets

Float64 = npt.NDArray[np.float64]
RELEVANT = 4.0
"""What counts as a hit, whatever the space takes for liked."""


@dataclass(frozen=True)
class Choice(Targets):
    """The numbers of a space: of its collaborative vectors, and of the content beside them."""

    half_count: float = 0.0
    """Ratings at which the collaborative vector counts as much as content (:mod:`trainer.space.mixing`)."""
    penalty: float = 10.0
    """Of the ridge from content."""
    content_scale: float = 1.0
    """Of the content vectors: the ridge learns from films that were rated, mostly well-known ones, and so
    makes films that nobody rated too long. A package holds it in its head's weights."""
    taste_strength: float = 0.0
    """How far content is turned by the tastes of who liked a film."""
    validation: float = 0.0
    """NDCG@10 on the validation cuts."""

    @property
    def mix(self) -> Mix:
        """How content and ratings join."""
        return Mix(self.half_count, self.content_scale, self.taste_strength)


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


def space_vectors(
    ratings: Interactions, features: FilmFeatures | None, choice: Choice
) -> npt.NDArray[np.float32]:
    """float32 [items, dim] of a space trained on ``ratings``.

    Without ``features`` items that nobody rated have zero vectors.
    """
    if features is None:
        return choice.vectors(ratings).astype(np.float16).astype(np.float32)
    vectors, counts = choice.vectors(ratings, features.side), ratings.counts()
    content = fit_content(features.all, vectors, counts, choice.penalty)
    return served(vectors, content, ratings, choice.like_threshold, choice.mix)
