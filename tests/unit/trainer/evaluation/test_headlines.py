"""Points of the picture: the figures of the page with their intervals, of every form of result."""

from __future__ import annotations

import pytest

from tests.unit.trainer.evaluation.made_results import cold, errors, few, found, lists, posters
from trainer.evaluation.headlines import Point, points_of, unit_of


def test_points_are_the_figures_of_the_page() -> None:
    one = points_of([lists(0.3)])
    assert [point.label for point in one] == ["plain", "reranked", "ease", "ease_all_rated", "popularity"]
    assert (one[0].mean, one[0].low, one[0].high) == (0.3, 0.25, 0.35)
    assert one[2] == Point("ease", 0.1)
    two = points_of([lists(0.2), lists(0.4)])
    assert two[0].mean == pytest.approx(0.3)
    assert two[0].low is not None
    assert two[0].low < 0.2
    assert [point.label for point in points_of([errors()])][::3] == ["RMSE biases", "MAE similar_items"]
    assert [point.mean for point in points_of([cold()])] == pytest.approx([0.35, 0.25])
    assert [point.label for point in points_of([few()])][:2] == ["content, 0 ratings", "ratings, 0 ratings"]
    assert points_of([found()])[0] == Point("a@1, tags", 0.1, 0.05, 0.15)
    assert points_of([posters()]) == [Point("vit", 20.0, 18.0, 22.0)]
    assert points_of([]) == []


def test_units_are_told() -> None:
    units = [unit_of([one]) for one in (posters(), errors(), lists(0.1))]
    assert units == ["mAP, percent", "RMSE and MAE, stars", "NDCG@10"]
    assert unit_of([]) == ""


def test_a_text_that_is_no_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="vit: 'good'"):
        points_of([{"map": {"vit": "good"}}])
