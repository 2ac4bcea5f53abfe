"""The report says yes only where every figure holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.output import cell_text
from deploy.demo.conditions import Figures
from deploy.demo.report import Report, percentiles
from deploy.demo.rollout_report import RolloutReport

GOOD: dict[str, Any] = {
    "engine": "aotinductor-bf16",
    "engine_measured_best": "aotinductor-bf16",
    "ratings_sent": 100_836,
    "ratings_applied": 100_836,
    "items_indexed": 9_743,
    "profiles_checked": 621,
    "max_relative_error": 2e-7,
    "documents_differing": 0,
    "stale": 0,
    "missing": 0,
    "orphans": 0,
    "rating_to_recommendation_ms": {"n": 200, "p50": 40.0, "p99": 90.0, "max": 120.0},
    "item_to_recommendation_ms": 800.0,
    "new_item_rank_gateway": 17,
    "new_item_rank_exact": 17,
    "ledger_events_per_second": 40_000,
    "taste": {"share_before": 0.0, "share_after": 0.4},
    "searches": 100,
    "searches_found": 24,
    "cold_user_source": "popular",
}


def test_a_good_run_holds_and_is_written_whole(tmp_path: Path) -> None:
    report = Report(dict(GOOD))
    assert report.met, [c for c in report.conditions() if not c.met]
    written = json.loads(report.write(tmp_path).read_text())
    assert written["met"] is True
    assert {k: written[k] for k in GOOD} == GOOD


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": "onnxruntime"},
        {"engine": None},
        {"engine": None, "engine_measured_best": None},
        {"ratings_sent": 100_835},
        {"ratings_applied": 100_835},
        {"items_indexed": 9_742},
        {"profiles_checked": 0},
        {"max_relative_error": 2e-5},
        {"documents_differing": 1},
        {"stale": 1},
        {"missing": 1},
        {"orphans": 1},
        {"rating_to_recommendation_ms": {"n": 199, "p50": 1.0, "p99": 2.0}},
        {"item_to_recommendation_ms": None},
        {"new_item_rank_gateway": 18},
        {"new_item_rank_gateway": None},
        {"new_item_rank_gateway": 17, "new_item_rank_exact": 501},
        {"new_item_rank_gateway": None, "new_item_rank_exact": None},
        {"ledger_events_per_second": 0},
        {"taste": {"share_before": 0.4, "share_after": 0.4}},
        {"searches": 99},
        {"searches_found": 9},
        {"cold_user_source": "profile"},
    ],
    ids=str,
)
def test_each_figure_that_does_not_hold_fails_it(wrong: dict[str, Any]) -> None:
    assert not Report(GOOD | wrong).met


def test_what_was_never_measured_fails_it() -> None:
    for name in GOOD.keys() - {"engine_measured_best"}:
        assert not Report({k: v for k, v in GOOD.items() if k != name}).met, name
    assert all(not condition.met for condition in Report().conditions())


def test_percentiles() -> None:
    figures = percentiles([float(n) for n in range(1, 201)])
    assert (figures["n"], figures["p50"], figures["max"]) == (200, 100.5, 200.0)
    assert 197 < figures["p99"] < 200


@pytest.mark.parametrize("values", [GOOD, {}], ids=["measured", "nothing measured"])
@pytest.mark.parametrize("kind", [Report, RolloutReport])
def test_what_must_hold_is_said_in_words_and_one_way_of_writing_numbers(
    kind: type[Figures], values: dict[str, Any]
) -> None:
    for condition in kind(dict(values)).conditions():
        shown = f"{condition.name} {cell_text(condition.value)} {condition.wanted}"
        assert "_" not in shown
        assert not re.search(r"\d{4}|None|\b0\.\d -> ", shown), shown


def test_what_erased_users_rated_is_not_waited_for() -> None:
    """Whoever tried `marquee profiles erase` may still run the demo in that home."""
    assert Report(GOOD | {"ratings_applied": 100_836 - 39, "ratings_erased": 39}).met
    assert not Report(GOOD | {"ratings_erased": 39}).met, "an erased user's ratings count"


def test_where_no_engine_was_measured_any_will_do() -> None:
    assert Report(GOOD | {"engine": "onnxruntime", "engine_measured_best": None}).met


def test_a_film_behind_all_that_a_gateway_answers_is_in_its_place() -> None:
    assert Report(GOOD | {"new_item_rank_gateway": None, "new_item_rank_exact": 501}).met
