"""Measures against torchmetrics, scikit-learn and cases done by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, ndcg_score, root_mean_squared_error
from torchmetrics.functional.regression import mean_absolute_error as torch_mae
from torchmetrics.functional.regression import mean_squared_error as torch_mse
from torchmetrics.functional.retrieval import (
    retrieval_average_precision,
    retrieval_normalized_dcg,
    retrieval_precision,
    retrieval_recall,
    retrieval_reciprocal_rank,
)

from trainer.evaluation.metrics import (
    average_precision_at,
    calibration,
    coverage,
    genre_shares,
    gini,
    intra_list_diversity,
    mae,
    novelty,
    precision_at,
    reciprocal_rank_at,
    rmse,
)
from trainer.evaluation.ranking import ndcg_at, rank_by, recall_at, top_k

K = 5


def hits_of(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.take_along_axis(truth, top_k(scores, K), axis=1)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.floats(0.05, 0.9))
def test_ranking_measures_are_those_of_torchmetrics_and_sklearn(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    scores = 1.0 + rng.permutation(24).reshape(2, 12)
    truth = rng.random((2, 12)) < density
    truth[np.arange(2), rng.integers(0, 12, 2)] = True
    hits, relevant = hits_of(scores, truth), truth.sum(axis=1)
    measured = {
        retrieval_normalized_dcg: ndcg_at(hits, relevant),
        retrieval_recall: recall_at(hits, relevant),
        retrieval_precision: precision_at(hits),
        retrieval_reciprocal_rank: reciprocal_rank_at(hits),
    }
    for theirs, ours in measured.items():
        for user in range(2):
            want = theirs(torch.from_numpy(scores[user]), torch.from_numpy(truth[user]), top_k=K)
            assert ours[user] == pytest.approx(float(want), abs=1e-6), theirs.__name__
    assert ndcg_at(hits, relevant).mean() == pytest.approx(ndcg_score(truth, scores, k=K))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_average_precision_over_whole_lists_is_that_of_torchmetrics(seed: int) -> None:
    # torchmetrics takes an item with a score of zero for one that was not retrieved, hence the 1
    rng = np.random.default_rng(seed)
    scores, truth = 1.0 + rng.permutation(9)[None], rng.random((1, 9)) < 0.4
    hits = np.take_along_axis(truth, top_k(scores, 9), axis=1)
    want = retrieval_average_precision(torch.from_numpy(scores[0]), torch.from_numpy(truth[0]))
    assert average_precision_at(hits, truth.sum(axis=1))[0] == pytest.approx(float(want), abs=1e-6)


def test_average_precision_is_over_what_fits_into_the_list() -> None:
    # by hand: hits at places 1 and 3 of 3, ten were relevant: (1 + 2/3) / min(10, 3)
    got = average_precision_at(np.array([[True, False, True]]), np.array([10]))
    assert got[0] == pytest.approx((1 + 2 / 3) / 3)


def test_errors_of_ratings_are_those_of_sklearn() -> None:
    rng = np.random.default_rng(1)
    true, predicted = rng.integers(1, 6, 50).astype(np.float64), rng.normal(3, 1, 50)
    assert rmse(predicted, true) == pytest.approx(root_mean_squared_error(true, predicted))
    assert mae(predicted, true) == pytest.approx(mean_absolute_error(true, predicted))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40))
def test_errors_of_ratings_are_those_of_torchmetrics(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(1, 11, n) / 2, rng.normal(3, 1, n)
    told = torch.from_numpy(predicted), torch.from_numpy(true)
    assert rmse(predicted, true) == pytest.approx(float(torch_mse(*told, squared=False)))
    assert mae(predicted, true) == pytest.approx(float(torch_mae(*told)))


def test_what_was_seen_is_neither_ranked_nor_counted() -> None:
    seen = sp.csr_matrix(np.array([[1.0, 0, 0, 0]]))
    relevant = sp.csr_matrix(np.array([[0.0, 1, 0, 0]]))
    scores = rank_by(lambda users: np.array([[9.0, 8, 7, 6]])[users], seen, relevant, k=3)
    assert scores.top.tolist() == [[1, 2, 3]]
    assert scores.ndcg[0] == 1.0


def test_only_candidates_are_ranked_and_users_without_a_relevant_one_are_left_out() -> None:
    relevant = sp.csr_matrix(np.array([[0.0, 1, 0], [1, 0, 0]]))
    scores = rank_by(
        lambda users: np.ones((len(users), 3)),
        sp.csr_matrix((2, 3)),
        relevant,
        k=3,
        candidates=np.array([False, True, True]),
    )
    assert scores.users.tolist() == [0]
    assert scores.top.tolist() == [[1, 2, -1]]


def test_coverage_and_gini_by_hand() -> None:
    one_takes_all = np.array([[0], [0], [0]])
    each_once = np.array([[0], [1], [2], [-1]])
    assert coverage(one_takes_all, 3) == pytest.approx(1 / 3)
    assert coverage(each_once, 3) == 1.0
    assert gini(one_takes_all, 3) == pytest.approx(2 / 3)
    assert gini(each_once, 3) == pytest.approx(0.0)
    assert gini(np.full((2, 2), -1), 3) == 0.0


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.integers(0, 9), min_size=2, max_size=8).filter(any))
def test_gini_is_the_mean_difference_over_twice_the_mean(counts: list[int]) -> None:
    lists = np.repeat(np.arange(len(counts)), counts)[:, None]
    x = np.array(counts, dtype=float)
    want = np.abs(x[:, None] - x[None]).mean() / (2 * x.mean())
    assert gini(lists, len(counts)) == pytest.approx(want)


def test_diversity_by_hand() -> None:
    genres = np.array([[1.0, 0], [0, 1], [1, 0], [0, 0]])
    lists = np.array([[0, 1], [0, 2], [0, -1], [0, 3]])
    assert intra_list_diversity(lists, genres).tolist() == pytest.approx([1.0, 0.0, 0.0, 1.0])


def test_diversity_is_one_minus_the_mean_cosine_of_pairs() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(6, 3))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [(0, 1), (0, 4), (1, 4)]
    want = np.mean([1 - unit[a] @ unit[b] for a, b in pairs])
    assert intra_list_diversity(np.array([[0, 1, 4]]), vectors)[0] == pytest.approx(want)


def test_novelty_by_hand() -> None:
    # 7 users; item 0 rated by 7, item 1 by 1: (1+1)/(7+1) is a quarter, two bits
    got = novelty(np.array([[0, 1], [1, -1], [-1, -1]]), np.array([7, 1]), users=7)
    assert got.tolist() == pytest.approx([1.0, 2.0, 0.0])


def test_calibration_is_zero_for_the_same_genres_and_grows_with_unlike_ones() -> None:
    shares = genre_shares(np.array([[1.0, 0], [0, 1], [0, 0]]))
    liked = np.array([[0.5, 0.5], [1.0, 0.0]])
    even, wrong = calibration(np.array([[0, 1], [1, 1]]), liked, shares)
    assert even == pytest.approx(0.0, abs=1e-9)
    assert wrong == pytest.approx(np.log(1 / 0.01))
