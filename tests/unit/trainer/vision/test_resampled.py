"""Bootstrapped mean average precision: scikit-learn's figure of every resample, paired by seed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from trainer.vision.resampled import interval_of, resampled_maps, weighted_precision


def made(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.random((n, 3)) < 0.3
    # rounded, so that many posters share a score
    scores = np.round(labels + rng.standard_normal((n, 3)), 1).astype(np.float32)
    return scores, labels


def test_each_resample_is_scored_as_scikit_learn_does() -> None:
    scores, labels = made(0)
    counts = np.random.default_rng(1).integers(0, 4, (20, 200)).astype(np.float64)
    for tried in (scores[:, 0], np.zeros(200, dtype=np.float32)):
        found = weighted_precision(tried, labels[:, 0], counts)
        wanted = [average_precision_score(labels[:, 0], tried, sample_weight=one) for one in counts]
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_a_genre_that_is_absent_does_not_count() -> None:
    scores, labels = made(0)
    without = np.concatenate([labels, np.zeros((200, 1), dtype=np.bool_)], axis=1)
    wider = np.concatenate([scores, scores[:, :1]], axis=1)
    np.testing.assert_allclose(resampled_maps(wider, without, 20), resampled_maps(scores, labels, 20))
    with pytest.raises(ValueError, match="no poster"):
        resampled_maps(scores, np.zeros_like(labels), 20)


def test_the_interval_holds_the_figure_and_narrows_with_more_posters() -> None:
    widths = []
    for n in (100, 1600):
        scores, labels = made(2, n)
        figure = float(np.mean([average_precision_score(labels[:, g], scores[:, g]) for g in range(3)]))
        found = interval_of(figure, resampled_maps(scores, labels, 300))
        assert found.mean == figure
        assert found.low < figure < found.high
        widths.append(found.high - found.low)
    assert widths[0] / 8 < widths[1] < widths[0] / 2, "a quarter, by the root of 16"


def test_rare_genres_do_not_move_the_interval_up() -> None:
    rng = np.random.default_rng(4)
    labels = np.zeros((400, 5), dtype=np.bool_)
    labels[:8] = True
    scores = (labels + rng.standard_normal((400, 5))).astype(np.float32)
    figure = float(np.mean([average_precision_score(labels[:, g], scores[:, g]) for g in range(5)]))
    drawn = resampled_maps(scores, labels, 300)
    assert drawn.mean() > figure + 0.01, "posters that were drawn twice stand together"
    found = interval_of(figure, drawn)
    assert abs((found.low + found.high) / 2 - figure) < 0.1 * (found.high - found.low)


def test_equal_seeds_draw_equal_posters() -> None:
    scores, labels = made(3)
    better = scores + labels
    apart = resampled_maps(better, labels, 150) - resampled_maps(scores, labels, 150)
    alone = resampled_maps(better, labels, 150, seed=1) - resampled_maps(scores, labels, 150)
    assert (apart > 0).all()
    assert apart.std() < alone.std(), "paired differences are surer"
    np.testing.assert_array_equal(resampled_maps(scores, labels, 150), resampled_maps(scores, labels, 150))
