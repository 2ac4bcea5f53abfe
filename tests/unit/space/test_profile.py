"""Profiles against float64 done the plain way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streaming.control.documents import MEAN, WEIGHTED, Policy
from streaming.milvus.seen import DISLIKED, LIKED, NEUTRAL
from streaming.space.profile import CHUNK, classes_of, profiles

DIM, ITEMS = 5, 40
WEIGHTS = {"mean": {LIKED: 1.0}, "weighted": {LIKED: 1.0, NEUTRAL: 0.5, DISLIKED: -0.5}}

Ratings = list[tuple[int, int]]
"""(item row, class)."""


def one_by_one(
    vectors: npt.NDArray[np.float32], present: npt.NDArray[np.bool_], user: Ratings, policy: Policy
) -> tuple[npt.NDArray[np.float64], float]:
    """(profile, mean length of the vectors that weigh: the liked ones under `mean`), from the definition."""
    weights = WEIGHTS[policy.name]
    if not any(c == LIKED and present[i] for i, c in user):
        return np.zeros(vectors.shape[1]), 0.0
    weighing = [
        (weights[c], vectors[i].astype(np.float64)) for i, c in user if present[i] and weights.get(c, 0.0)
    ]
    total = sum((w * v for w, v in weighing), np.zeros(vectors.shape[1]))
    over = sum(abs(w) for w, _ in weighing)
    return total / over, float(np.mean([np.linalg.norm(v) for _, v in weighing]))


def batch(users: list[Ratings]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    flat = [entry for user in users for entry in user]
    bounds = np.cumsum([0, *map(len, users)]).astype(np.int64)
    rows = np.array([row for row, _ in flat], dtype=np.int32)
    return rows, np.array([c for _, c in flat], dtype=np.uint8), bounds


@given(
    st.lists(st.lists(st.tuples(st.integers(0, ITEMS - 1), st.integers(1, 3)), max_size=12), max_size=8),
    st.integers(0, 2**32 - 1),
    st.sampled_from([MEAN, WEIGHTED]),
)
@example([[(1, 2), (10, 1)]], 341174, WEIGHTED)  # a neutral vector a thousand times as long as the liked one
def test_any_batch_equals_its_users_one_by_one(users: list[Ratings], seed: int, policy: Policy) -> None:
    numbers = np.random.default_rng(seed)
    vectors = (numbers.normal(size=(ITEMS, DIM)) * numbers.lognormal(0, 2, (ITEMS, 1))).astype(np.float32)
    present = numbers.random(ITEMS) < 0.7
    rows, classes, bounds = batch(users)
    got = profiles(vectors, present[rows], rows, classes, bounds, policy)
    assert got.dtype == np.float32
    for index, user in enumerate(users):
        want, length = one_by_one(vectors, present, user, policy)
        assert np.linalg.norm(got[index] - want) <= 1e-5 * length


@pytest.mark.parametrize("likes", [1, CHUNK, CHUNK + 1, 5 * CHUNK, 20_000])
def test_any_number_of_likes_stays_within_the_bound(likes: int) -> None:
    numbers = np.random.default_rng(likes)
    vectors = (numbers.normal(size=(3_000, 64)) + 3).astype(np.float32)
    rows = numbers.integers(0, 3_000, likes).astype(np.int32)
    ones = np.full(likes, LIKED, dtype=np.uint8)
    bounds = np.array([0, likes], dtype=np.int64)
    got = profiles(vectors, np.ones(likes, dtype=bool), rows, ones, bounds, MEAN)[0]
    want = vectors[rows].astype(np.float64).mean(axis=0)
    assert np.linalg.norm(got - want) <= 1e-6 * np.linalg.norm(vectors[rows], axis=1).mean()


def test_without_a_like_the_vector_is_zero_whatever_the_policy() -> None:
    vectors = np.ones((3, DIM), dtype=np.float32)
    rows, classes, bounds = batch([[(0, NEUTRAL), (1, DISLIKED)], [], [(2, LIKED)]])
    present = np.array([True, True, False])
    assert not profiles(vectors, present, rows, classes, bounds, WEIGHTED).any()


def test_classes_follow_the_thresholds() -> None:
    values = np.array([0.5, 2.5, 3.0, 3.5, 4.0, 5.0])
    want = [DISLIKED, DISLIKED, NEUTRAL, NEUTRAL, LIKED, LIKED]
    assert classes_of(values, MEAN).tolist() == want
