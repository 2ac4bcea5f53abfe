"""Full-ranking metrics, checked against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import ndcg_score

from trainer.evaluation import profiles, rank


def test_ndcg_agrees_with_sklearn() -> None:
    rng = np.random.default_rng(3)
    users, items = rng.normal(size=(25, 6)), rng.normal(size=(40, 6))
    relevant = sp.csr_matrix((rng.random((25, 40)) < 0.15).astype(float))
    scored = rank(users, items, sp.csr_matrix((25, 40)), relevant)
    for row, user in enumerate(scored.users):
        truth = relevant[user].toarray()
        want = ndcg_score(truth, (users[user] @ items.T)[None, :], k=10)
        assert scored.ndcg[row] == pytest.approx(want)


def test_seen_items_are_not_ranked_and_users_without_truth_do_not_count() -> None:
    users = np.array([[1.0], [1.0]])
    items = np.array([[3.0], [2.0], [1.0]])
    seen = sp.csr_matrix(np.array([[1, 0, 0], [0, 0, 0]]))
    relevant = sp.csr_matrix(np.array([[0, 1, 0], [0, 0, 0]]))
    scored = rank(users, items, seen, relevant, k=2)
    assert scored.users.tolist() == [0]
    assert scored.top.tolist() == [[1, 2]]
    assert scored.ndcg.tolist() == scored.recall.tolist() == [1.0]


def test_candidates_limit_ranking_and_truth() -> None:
    items = np.array([[3.0], [2.0], [1.0]])
    relevant = sp.csr_matrix(np.array([[1, 0, 1]]))
    scored = rank(np.ones((1, 1)), items, sp.csr_matrix((1, 3)), relevant, 2, np.array([False, True, True]))
    assert scored.top.tolist() == [[1, 2]]
    assert scored.recall.tolist() == [1.0]
    assert scored.ndcg[0] == pytest.approx(1 / np.log2(3))
    assert scored.summary(3)["coverage"] == pytest.approx(2 / 3)


def test_short_lists_are_padded() -> None:
    seen = sp.csr_matrix(np.array([[1, 1, 0]]))
    scored = rank(np.ones((1, 1)), np.ones((3, 1)), seen, sp.csr_matrix(np.array([[0, 0, 1]])), k=10)
    assert scored.top[0].tolist() == [2] + [-1] * 9


def test_profiles_are_means_of_what_is_liked() -> None:
    liked = sp.csr_matrix(np.array([[1, 1, 0], [0, 0, 0]]))
    vectors = np.array([[2.0, 0], [0, 4.0], [9, 9]])
    assert profiles(liked, vectors).tolist() == [[1.0, 2.0], [0.0, 0.0]]
