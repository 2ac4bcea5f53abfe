"""The re-ranker's features over a whole catalogue, for training; what they are says the gateway's own code.

:mod:`streaming.gateway.rerank_features` holds the contract and computes the columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streaming.gateway.rerank_features import CANDIDATES, CONTRACT, NAMES, Films, Float32
from streaming.gateway.rerank_features import features as features_of
from streaming.milvus.seen import DISLIKED, LIKED, NEUTRAL

__all__ = ["CANDIDATES", "CONTRACT", "NAMES", "Float32", "ItemSide", "Rows", "features", "item_side"]

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ItemSide:
    """The catalogue of one space; made once, not at each lookup."""

    vectors: Float32
    """[items, d]."""
    shares: Float32
    """[items, genres]: 1 / number of the item's genres where it has the genre, else 0."""
    years: Float32
    """[items]; 0 is unknown."""
    lengths: Float32
    """[items]: |v|."""
    popularity: Float32
    """[items]: the column of that name."""
    genre_odds: Float32
    """[genres]: q_g."""


def item_side(
    vectors: Float32, genres: npt.NDArray[np.bool_], years: Float32, likes: npt.NDArray[np.int64]
) -> ItemSide:
    """The catalogue from vectors [items, d], genres [items, g], years [items] (0 unknown), likes [items]."""
    number = genres.sum(axis=1, keepdims=True)
    shares = np.divide(genres, number, out=np.zeros(genres.shape, np.float32), where=number > 0)
    counts = likes.astype(np.float32)
    total = counts.sum()
    mean = counts.mean() if len(counts) else np.float32(0)
    return ItemSide(
        vectors=vectors.astype(np.float32),
        shares=shares,
        years=years.astype(np.float32),
        lengths=np.linalg.norm(vectors, axis=1).astype(np.float32),
        popularity=(np.log1p(counts) - np.log1p(mean)).astype(np.float32),
        genre_odds=(counts @ shares / total if total > 0 else np.zeros(shares.shape[1])).astype(np.float32),
    )


def features(side: ItemSide, rated: Rows, classes: npt.NDArray[np.uint8], candidates: Rows) -> Float32:
    """[m, len(NAMES)]: the features of rows ``candidates`` [m], z-scores over these candidates.

    ``rated`` [r] are rows of what the user rated, ``classes`` [r] their weight classes.
    """
    liked, neutral, disliked = (_films(side, rated[classes == code]) for code in (LIKED, NEUTRAL, DISLIKED))
    chosen = _films(side, candidates)
    return features_of(chosen, side.popularity[candidates], liked, neutral, disliked, side.genre_odds)


def _films(side: ItemSide, rows: Rows) -> Films:
    return Films(side.vectors[rows], side.lengths[rows], side.shares[rows], side.years[rows])
