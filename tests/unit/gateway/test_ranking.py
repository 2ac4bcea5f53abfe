"""Shares that add up, and diversity that trades score for unlikeness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.gateway.ranking import NAMED, explain, mmr


@given(
    seed=st.integers(0, 2**32 - 1),
    rated=st.integers(1, 30),
    weighted=st.booleans(),
)
def test_shares_add_up_to_the_score_and_the_largest_are_named(seed: int, rated: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    vectors = (rng.normal(size=(rated, 8)) * rng.lognormal(size=(rated, 1))).astype(np.float32)
    candidates = rng.normal(size=(4, 8)).astype(np.float32)
    weights = rng.choice([1.0, 0.5, -0.5], size=rated) if weighted else np.ones(rated)
    profile = (weights[:, None] * vectors.astype(np.float64)).sum(0) / np.abs(weights).sum()
    for candidate, reasons in zip(candidates, explain(weights, vectors, candidates), strict=True):
        score = float(profile @ candidate.astype(np.float64))
        assert reasons.total == pytest.approx(score, rel=1e-9, abs=1e-9)
        shares = [
            weights[i]
            * float(vectors[i].astype(np.float64) @ candidate.astype(np.float64))
            / np.abs(weights).sum()
            for i in range(rated)
        ]
        assert [share for _, share in reasons.named] == pytest.approx(
            sorted(shares, reverse=True)[: min(NAMED, rated)]
        )
        for i, share in reasons.named:
            assert share == pytest.approx(shares[i])


def test_items_without_weight_are_no_reason() -> None:
    (reasons,) = explain(
        np.array([0.0, 1.0]), np.array([[9, 9], [1, 0]], np.float32), np.array([[1, 1]], np.float32)
    )
    assert reasons.named == ((1, 1.0),)
    assert reasons.rest == 0
    assert explain(np.array([0.0]), np.ones((1, 2), np.float32), np.ones((1, 2), np.float32))[0].named == ()


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 20), k=st.integers(0, 25), d=st.floats(0, 1))
def test_mmr_chooses_distinct_ones_and_begins_with_the_best(seed: int, n: int, k: int, d: float) -> None:
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.normal(size=n))[::-1]
    chosen = mmr(scores, rng.normal(size=(n, 4)).astype(np.float32), k, d)
    assert len(chosen) == len(set(chosen)) == min(n, k)
    assert not chosen or chosen[0] == 0
    if d == 0:
        assert chosen == list(range(min(n, k)))


def test_diversity_prefers_the_unlike() -> None:
    vectors = np.array([[1, 0], [1, 0.01], [0, 1]], dtype=np.float32)
    scores = np.array([1.0, 0.99, 0.5])
    assert mmr(scores, vectors, 2, 0.1) == [0, 1]
    assert mmr(scores, vectors, 2, 0.8) == [0, 2]


def test_mmr_greedily_maximises_its_definition() -> None:
    rng = np.random.default_rng(3)
    scores, vectors = np.sort(rng.random(12))[::-1], rng.normal(size=(12, 5)).astype(np.float32)
    diversity = 0.4
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    chosen = [0]
    while len(chosen) < 6:
        rest = [i for i in range(12) if i not in chosen]
        chosen.append(
            max(
                rest,
                key=lambda i: (
                    (1 - diversity) * relevance[i] - diversity * max(float(unit[i] @ unit[j]) for j in chosen)
                ),
            )
        )
    assert mmr(scores, vectors, 6, diversity) == chosen
