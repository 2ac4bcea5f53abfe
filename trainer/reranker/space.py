"""A space that re-rankers learn by, asked as gateways ask: its films, profiles, candidates and lists.

The profile is made by :func:`streaming.space.profile.profiles` itself, in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from streaming.control.documents import Policy
from streaming.events import Item
from streaming.milvus.seen import LIKED
from streaming.space.profile import profiles
from trainer.reranker.features import ItemSide, item_side
from trainer.reranker.lists import Float32, Ints, Known, Lists, known, make_lists
from trainer.space.choice import Choice, space_vectors
from trainer.space.content import FilmFeatures
from trainer.space.matrix import Interactions

NEUTRAL_THRESHOLD = 3.0


@dataclass(frozen=True)
class Films:
    """What is known of each item of a catalogue beside ratings, in its order."""

    item_ids: tuple[str, ...]
    genres: npt.NDArray[np.bool_]
    years: Float32


def films_of(items: Sequence[Item]) -> Films:
    """Genres and years of ``items``."""
    names = sorted({genre for item in items for genre in item.genres})
    column = {name: i for i, name in enumerate(names)}
    genres = np.zeros((len(items), len(names)), dtype=bool)
    for row, item in zip(genres, items, strict=True):
        row[[column[genre] for genre in item.genres]] = True
    years = np.array([item.year or 0 for item in items], dtype=np.float32)
    return Films(tuple(item.item_id for item in items), genres, years)


def _neutral(threshold: float) -> float:
    """What is rated neutrally, where a like is ``threshold``: it cannot be more than that."""
    return min(threshold, NEUTRAL_THRESHOLD)


def classes_of(ratings: Interactions, threshold: float) -> Known:
    """Who rated what, as weight classes; ``threshold`` is that of likes."""
    thresholds = (threshold, _neutral(threshold))
    return known(ratings.users, ratings.items, ratings.values, ratings.shape, thresholds)


def profile_maker(vectors: Float32, threshold: float) -> Callable[[sp.csr_matrix], Float32]:
    """Profiles float32 [n, dim] of rows of liked items, by the code that projectors run."""
    policy = Policy(like_threshold=threshold, neutral_threshold=_neutral(threshold))

    def make(liked: sp.csr_matrix) -> Float32:
        rows = liked.indices.astype(np.int32)
        classes = np.full(len(rows), LIKED, dtype=np.uint8)
        present = np.ones(len(rows), dtype=bool)
        return profiles(vectors, present, rows, classes, liked.indptr.astype(np.int64), policy)

    return make


def side_of(ratings: Interactions, vectors: Float32, films: Films, choice: Choice) -> ItemSide:
    """The catalogue of a space of ``vectors`` [items, d], its likes counted in ``ratings``."""
    likes = np.asarray(ratings.liked(choice.like_threshold).sum(axis=0)).ravel().astype(np.int64)
    return item_side(vectors, films.genres, films.years, likes)


def list_maker(
    ratings: Interactions, film_features: FilmFeatures | None, films: Films, choice: Choice
) -> Callable[[Known, sp.csr_matrix, Ints], Lists]:
    """:func:`trainer.reranker.lists.make_lists` by a space that has seen ``ratings``."""
    vectors = space_vectors(ratings, film_features, choice)
    return partial(
        make_lists, profile_maker(vectors, choice.like_threshold), side_of(ratings, vectors, films, choice)
    )
