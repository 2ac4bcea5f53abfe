"""All measures at once are the measures one by one; who likes nothing has no profile to be compared with."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from trainer.evaluation import metrics
from trainer.evaluation.list_measures import (
    background,
    hits_of,
    measure_names,
    of_catalogue,
    of_users,
)
from trainer.evaluation.ranking import ndcg_at, recall_at
from trainer.space.matrix import Interactions

GENRES = np.array([[True, False], [True, True], [False, True], [False, True]])
HISTORY = Interactions(
    ("a", "b", "c"),
    ("0", "1", "2", "3"),
    np.array([0, 0, 1]),
    np.array([0, 3, 2]),
    np.array([5.0, 2.0, 3.0]),
)
"""a likes item 0; b rated, but likes nothing; c is unknown."""
LISTS = np.array([[1, 2], [3, -1]])
RELEVANT = sp.csr_matrix(np.array([[0.0, 0, 1, 1], [0, 1, 0, 0]]))


def test_each_measure_is_what_its_function_says() -> None:
    known = background(GENRES, HISTORY)
    got = of_users(LISTS, RELEVANT, np.array([0, 2]), known)
    hits, total = hits_of(LISTS, RELEVANT)
    assert hits.tolist() == [[False, True], [False, False]]
    assert total.tolist() == [2, 1]
    want = {
        "ndcg@2": ndcg_at(hits, total),
        "recall@2": recall_at(hits, total),
        "precision@2": metrics.precision_at(hits),
        "map@2": metrics.average_precision_at(hits, total),
        "mrr@2": metrics.reciprocal_rank_at(hits),
        "intra_list_diversity": metrics.intra_list_diversity(LISTS, GENRES.astype(float)),
        # two people have rated: c is in the test part alone
        "novelty": metrics.novelty(LISTS, np.array([1, 0, 1, 1]), 2),
    }
    for name, values in want.items():
        assert got[name].tolist() == pytest.approx(values.tolist()), name
    both = {**got, **of_catalogue(LISTS, 4)}
    assert set(both) == set(measure_names(2))
    assert both["coverage"] == 0.75
    assert both["gini"] == pytest.approx(metrics.gini(LISTS, 4))


def test_calibration_is_of_those_of_whom_a_like_is_known() -> None:
    known = background(GENRES, HISTORY)
    assert known.liked_shares.tolist() == [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    got = of_users(LISTS, RELEVANT, np.array([0, 1]), known)["calibration"]
    # the list of a holds a quarter of the first genre, all that he likes
    assert got.tolist() == pytest.approx([np.log(1 / (0.99 * 0.25 + 0.01))])
    assert len(of_users(LISTS, RELEVANT, np.array([1, 2]), known)["calibration"]) == 0


def test_names_tell_the_places_scored() -> None:
    assert measure_names(10)[:5] == ("ndcg@10", "recall@10", "precision@10", "map@10", "mrr@10")
    assert set(measure_names(10)) - set(measure_names(5)) == set(measure_names(10)[:5])
