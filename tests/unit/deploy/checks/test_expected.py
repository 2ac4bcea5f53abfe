"""What a row must hold, by hand-computed examples, and how far a wrong one is off."""

from __future__ import annotations

import math

import numpy as np

from deploy.checks.expected import expected_row
from streaming.control.documents import MEAN, WEIGHTED

VECTORS = {
    "a": np.array([2.0, 0.0]),
    "b": np.array([0.0, 4.0]),
    "c": np.array([6.0, 6.0]),
}


def test_mean_of_liked_alone() -> None:
    row = expected_row({"a": (4.0, 1), "b": (5.0, 2), "c": (1.0, 3)}, VECTORS, 2, MEAN)
    assert row.vector.tolist() == [1.0, 2.0]
    assert row.scale == 3.0
    assert row.seen == {"a": "liked", "b": "liked", "c": "disliked"}


def test_a_like_without_vector_is_seen_but_does_not_weigh() -> None:
    row = expected_row({"a": (4.0, 1), "unknown": (5.0, 2)}, VECTORS, 2, MEAN)
    assert row.vector.tolist() == [2.0, 0.0]
    assert row.weighing == 1
    assert "unknown" in row.seen


def test_a_take_back_is_neither_seen_nor_liked() -> None:
    row = expected_row({"a": (None, 1)}, VECTORS, 2, MEAN)
    assert row.seen == {}
    assert row.vector.tolist() == [0.0, 0.0]


def test_weighted_over_the_sum_of_absolute_weights() -> None:
    row = expected_row({"a": (4.0, 1), "b": (3.0, 2), "c": (1.0, 3)}, VECTORS, 2, WEIGHTED)
    assert row.vector.tolist() == [(2.0 - 3.0) / 2, (2.0 - 3.0) / 2]


def test_without_a_like_nothing_else_weighs() -> None:
    row = expected_row({"b": (3.0, 2), "c": (1.0, 3)}, VECTORS, 2, WEIGHTED)
    assert row.vector.tolist() == [0.0, 0.0]
    assert row.scale == 0.0


def test_error_is_relative_to_the_liked_lengths() -> None:
    row = expected_row({"a": (4.0, 1)}, VECTORS, 2, MEAN)
    assert row.error(np.array([2.0, 0.002])) == 0.001
    nobody = expected_row({}, VECTORS, 2, MEAN)
    assert nobody.error(np.zeros(2)) == 0.0
    assert math.isinf(nobody.error(np.ones(2)))
