"""Intervals cover, and paired tests tell a difference from none."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.evaluation.statistics import bootstrap, over_folds, paired


def test_a_bootstrap_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        interval = bootstrap(rng.exponential(1.0, 60), confidence=0.9, resamples=300, seed=seed)
        covered += interval.low <= 1.0 <= interval.high
    assert 0.8 < covered / 200 < 0.97


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(3).random(50)
    assert bootstrap(values, seed=5) == bootstrap(values, seed=5)
    assert bootstrap(values, seed=5) != bootstrap(values, seed=6)


def test_students_interval_over_folds_by_hand() -> None:
    # t(0.975, 4) = 2.776; deviation of 1..5 is 1.5811
    interval = over_folds(np.array([1.0, 2, 3, 4, 5]))
    assert interval.mean == 3.0
    assert interval.high - 3 == pytest.approx(2.776 * 1.5811 / 5**0.5, rel=1e-3)
    assert np.isinf(over_folds(np.array([1.0])).high)


def test_a_real_difference_is_seen_and_noise_is_not() -> None:
    rng = np.random.default_rng(1)
    base = rng.random(300)
    better = paired(base + 0.05 + rng.normal(0, 0.1, 300), base)
    assert better.p_t < 0.001
    assert better.p_permutation < 0.01
    assert better.difference.low > 0
    noise = paired(base + rng.normal(0, 0.1, 300), base, seed=2)
    assert noise.p_permutation > 0.01


def test_sign_flips_are_calibrated() -> None:
    rng = np.random.default_rng(2)
    p = [paired(rng.normal(size=20), rng.normal(size=20), 200, s).p_permutation for s in range(200)]
    assert 0.35 < np.mean(np.array(p) < 0.5) < 0.65


def test_no_difference_at_all() -> None:
    same = paired(np.ones(5), np.ones(5))
    assert (same.p_t, same.p_permutation, same.difference.mean) == (1.0, 1.0, 0.0)


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="3 and 2"):
        paired(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="no values"):
        bootstrap(np.zeros(0))
