"""All measures of recommended lists at once, by the names that results give them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from trainer.evaluation.metrics import (
    Float64,
    Hits,
    Lists,
    average_precision_at,
    calibration,
    coverage,
    genre_shares,
    gini,
    intra_list_diversity,
    novelty,
    precision_at,
    reciprocal_rank_at,
)
from trainer.evaluation.ranking import ndcg_at, recall_at
from trainer.space.choice import RELEVANT
from trainer.space.matrix import Interactions

UP_TO_ONE = ("coverage", "gini", "intra_list_diversity")
OPEN = ("novelty", "calibration")
"""In bits, and in nats."""


def accuracy_names(k: int) -> tuple[str, ...]:
    """Measures that compare the first ``k`` with what the user likes in the test part."""
    return tuple(f"{name}@{k}" for name in ("ndcg", "recall", "precision", "map", "mrr"))


def measure_names(k: int) -> tuple[str, ...]:
    """All measures, in the order in which they are shown."""
    return (*accuracy_names(k), *UP_TO_ONE, *OPEN)


@dataclass(frozen=True)
class Background:
    """What lists are compared with beside the test part."""

    genres: Float64
    """[items, genres], 0 or 1."""
    liked_shares: Float64
    """[users, genres]: genres of what each user likes, as shares of one; zero for one who likes nothing."""
    counts: npt.NDArray[np.int64]
    """[items]: ratings."""
    people: int
    """Users who rated anything."""


def background(genres: npt.NDArray[np.bool_], history: Interactions) -> Background:
    """From ``genres`` [items, genres] and the ratings that are known when lists are asked for."""
    rows = genres.astype(np.float64)
    taste = np.asarray(history.liked(RELEVANT) @ genre_shares(rows))
    total = taste.sum(axis=1, keepdims=True)
    shares = np.divide(taste, total, out=np.zeros_like(taste), where=total > 0)
    return Background(rows, shares, history.counts(), len(np.unique(history.users)))


def hits_of(lists: Lists, relevant: sp.csr_matrix) -> tuple[Hits, npt.NDArray[np.int64]]:
    """([users, k] which places hold one of ``relevant`` [users, items], [users] how many there are)."""
    truth = relevant.toarray() > 0
    hits = np.take_along_axis(truth, np.maximum(lists, 0), axis=1) & (lists >= 0)
    return hits, truth.sum(axis=1)


def of_users(
    lists: Lists, relevant: sp.csr_matrix, users: npt.NDArray[np.int64], known: Background
) -> dict[str, Float64]:
    """One value a user and measure, of ``lists`` [n, k]; ``users`` [n] are their rows of ``known``.

    Calibration is only of users of whom a like is known: nothing can be compared with no profile.
    """
    hits, total = hits_of(lists, relevant)
    shares = known.liked_shares[users]
    some = shares.any(axis=1)
    values = (
        ndcg_at(hits, total),
        recall_at(hits, total),
        precision_at(hits),
        average_precision_at(hits, total),
        reciprocal_rank_at(hits),
    )
    return {
        **dict(zip(accuracy_names(lists.shape[1]), values, strict=True)),
        "intra_list_diversity": intra_list_diversity(lists, known.genres),
        "novelty": novelty(lists, known.counts, known.people),
        "calibration": calibration(lists[some], shares[some], genre_shares(known.genres)),
    }


def of_catalogue(lists: Lists, items: int) -> dict[str, float]:
    """Measures that no single user has."""
    return {"coverage": coverage(lists, items), "gini": gini(lists, items)}
