"""Gates as tables: decided only by whole intervals, from what gateways count."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from deploy.checks.findings import ItemFindings
from deploy.rollout.exceptions import NotProvenError
from deploy.rollout.gates.figures import Collected, Key, parse
from deploy.rollout.gates.freshness import Lateness
from deploy.rollout.gates.judging import canary_gate, shadow_gate
from deploy.rollout.gates.limits import FILE, load_limits
from deploy.rollout.gates.rows import CODES, Gate, at_least, at_most
from deploy.rollout.gates.sequential import Interval
from deploy.rollout.proving import require_vectors
from streaming.exceptions import ConfigurationError
from streaming.milvus.rows import UserRow

LIMITS = load_limits()
INSIDE, OUTSIDE, ACROSS = Interval(1, 0.5, 1.5), Interval(3, 2.5, 3.5), Interval(2, 1.5, 2.5)


def figures(**values: float) -> Collected:
    """Since the first look; names are ``metric__role`` or ``metric__role__source``."""
    found: dict[Key, float] = {}
    for name, value in values.items():
        metric, role, source = [*name.split("__"), "", ""][:3]
        space = "old" if role == "champion" else "new"
        found[metric, space, role, source] = value
    made = Collected()
    made.look({"g": {}})
    made.look({"g": found})
    return made


def good(lookups: float, role: str) -> dict[str, float]:
    return {
        f"lookups_total__{role}__profile": lookups,
        f"lookup_log_sum__{role}": 2.0 * lookups,
        f"lookup_log_squares__{role}": 4.25 * lookups,
    }


def pairs(count: float) -> dict[str, float]:
    return {
        "shadow_pairs_total": count,
        "shadow_overlap_sum": 0.4 * count,
        "shadow_overlap_squares": 0.2 * count,
        "shadow_log_ratio_sum": 0.0,
        "shadow_log_ratio_squares": 0.1 * count,
    }


def test_only_a_whole_interval_decides() -> None:
    assert [at_most("x", i, 2.0, 1).verdict for i in (INSIDE, OUTSIDE, ACROSS)] == [
        "passed",
        "failed",
        "open",
    ]
    assert [at_least("x", i, 2.0, 1).verdict for i in (INSIDE, OUTSIDE, ACROSS)] == [
        "failed",
        "passed",
        "open",
    ]


@pytest.mark.parametrize("name", sorted(CODES))
def test_each_gate_has_a_code_of_its_own(name: str) -> None:
    def gate(*intervals: Interval) -> Gate:
        return Gate(name, "s", "c", 1, tuple(at_most("x", i, 2.0, 1) for i in intervals))

    assert gate(INSIDE, INSIDE).exit_code == 0
    assert gate(INSIDE, ACROSS).exit_code == 10
    assert gate(INSIDE, ACROSS, OUTSIDE).exit_code == CODES[name]
    assert len(set(CODES.values())) == len(CODES)


def test_a_good_shadow_passes_once_enough_was_seen() -> None:
    assert shadow_gate(figures(**pairs(50)), "new", "old", LIMITS).verdict == "open"
    assert shadow_gate(figures(**pairs(3_000)), "new", "old", LIMITS).verdict == "passed"


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("errors", {"lookup_failures_total__shadow": 100.0}),
        ("empty answers", {"lookup_empty_total__shadow": 100.0}),
        ("without profile", {"shadow_unprofiled_total": 200.0}),
        ("latency ratio", {"shadow_log_ratio_sum": 3_000.0, "shadow_log_ratio_squares": 3_300.0}),
        ("overlap@k", {"shadow_overlap_sum": 30.0, "shadow_overlap_squares": 1.0}),
    ],
)
def test_what_is_wrong_with_a_shadow_fails_its_own_row(name: str, changed: dict[str, float]) -> None:
    gate = shadow_gate(figures(**(pairs(3_000) | changed)), "new", "old", LIMITS)
    assert gate.failed == [name]
    assert gate.exit_code == 13


def test_a_good_canary_passes_once_enough_was_seen() -> None:
    few = figures(**good(100, "canary"), **good(1_000, "champion"))
    assert canary_gate(few, "new", "old", LIMITS).verdict == "open"
    many = figures(**good(4_000, "canary"), **good(40_000, "champion"))
    assert canary_gate(many, "new", "old", LIMITS).verdict == "passed"


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("more errors", {"lookup_failures_total__canary": 300.0}),
        ("more empty answers", {"lookup_empty_total__canary": 300.0}),
        ("more without profile", {"lookups_total__canary__popular": 500.0}),
        (
            "latency ratio",
            {"lookup_log_sum__canary": 3.0 * 4_000, "lookup_log_squares__canary": 9.25 * 4_000},
        ),
    ],
)
def test_what_is_wrong_with_a_canary_fails_its_own_row(name: str, changed: dict[str, float]) -> None:
    values = good(4_000, "canary") | good(40_000, "champion") | changed
    gate = canary_gate(figures(**values), "new", "old", LIMITS)
    assert name in gate.failed
    assert gate.exit_code == 14
    # the same trouble on both sides is nobody's fault of the canary
    both = values | {
        key.replace("canary", "champion"): value * 10 for key, value in values.items() if "canary" in key
    }
    assert name not in canary_gate(figures(**both), "new", "old", LIMITS).failed


def user_row(revision: int, made_ms: int) -> UserRow:
    vector = np.zeros(2, dtype=np.float32)
    return UserRow("u", vector, revision, 0, 0, "w", 0, 0, made_ms)


def lateness(late: int, in_time: int, space: str = "new") -> Lateness:
    found = Lateness(1_000.0)
    for name, number in ((space, late), ("old", 0)):
        for change in range(late + in_time):
            made = 5_000 if change < number else 200
            assert found.judge(name, 7, 0, user_row(7, made), 6_000)
    return found


def test_a_change_is_judged_once_its_time_is_over() -> None:
    found = Lateness(1_000.0)
    assert not found.judge("new", 7, 0, user_row(6, 0), 900), "the row may still come in time"
    assert found.judge("new", 7, 0, user_row(8, 0), 900), "another change came over it"
    assert found.judged == {}
    assert found.judge("new", 7, 0, user_row(6, 0), 1_100)
    assert found.judge("new", 7, 0, None, 1_100)
    assert found.judge("new", 7, 0, user_row(7, 900), 1_100)
    assert (found.judged, found.late) == ({"new": 3}, {"new": 2})


def test_rows_that_come_late_fail_the_canary_and_only_it() -> None:
    values = figures(**good(4_000, "canary"), **good(40_000, "champion"))
    quiet = canary_gate(values, "new", "old", LIMITS, lateness=Lateness(1_000.0))
    assert quiet.verdict == "passed", "nobody rated: there is no such row"
    assert canary_gate(values, "new", "old", LIMITS, lateness=lateness(0, 20)).verdict == "open"
    assert canary_gate(values, "new", "old", LIMITS, lateness=lateness(0, 800)).verdict == "passed"
    late = canary_gate(values, "new", "old", LIMITS, lateness=lateness(200, 400))
    assert late.failed == ["more late rows"]
    both = lateness(200, 400)
    both.late["old"] = both.late["new"]
    assert canary_gate(values, "new", "old", LIMITS, lateness=both).failed == []


def test_figures_count_from_the_first_look_and_survive_restarts() -> None:
    key: Key = ("lookups_total", "s", "canary", "profile")
    made = Collected()
    made.look({"one/1": {key: 100.0}})
    assert made.sum("lookups_total", "s", "canary") == 0
    made.look({"one/1": {key: 130.0}, "two/1": {key: 5.0}})
    assert made.sum("lookups_total", "s", "canary") == 35
    made.look({"one/2": {key: 7.0}, "two/1": {key: 6.0}})
    assert made.sum("lookups_total", "s", "canary") == 30 + 7 + 6
    assert made.sum("lookups_total", "s", "champion") == 0


def test_what_gateways_tell_is_read() -> None:
    text = (
        "# TYPE marquee_gateway_lookups_total counter\n"
        'marquee_gateway_lookups_total{role="canary",source="profile",space="s"} 3.0\n'
        "# TYPE marquee_gateway_lookup_seconds histogram\n"
        'marquee_gateway_lookup_seconds_bucket{le="0.1",role="canary",space="s"} 3.0\n'
        "# TYPE marquee_gateway_ledger_behind gauge\nmarquee_gateway_ledger_behind 0.0\n"
    )
    assert parse(text) == {("lookups_total", "s", "canary", "profile"): 3.0}


def test_limits_are_versioned_and_a_typing_error_is_seen(tmp_path: Path) -> None:
    assert LIMITS.version >= 1
    wrong = tmp_path / "gates.toml"
    wrong.write_text(FILE.read_text().replace("overlap =", "overlab ="))
    with pytest.raises(ConfigurationError, match="overlab"):
        load_limits(wrong)
    with pytest.raises(ConfigurationError):
        load_limits(tmp_path / "absent.toml")


def test_a_gate_is_json_for_programs() -> None:
    gate = shadow_gate(figures(**pairs(10)), "new", "old", LIMITS)
    assert msgspec.json.decode(msgspec.json.encode(gate))["rows"][0]["name"] == "errors"


def test_a_space_whose_encoder_refuses_films_is_not_ready() -> None:
    """NaN vectors, a wrong dimension, a crash: each film is in the DLQ, and the checks alone are clean."""
    few = ItemFindings("s", items=100, vectors=95, refused=5)
    assert few.clean
    require_vectors(few, 0.05)
    require_vectors(ItemFindings("s"), 0.05)
    with pytest.raises(NotProvenError, match="refused 6 of 100"):
        require_vectors(ItemFindings("s", items=100, vectors=94, refused=6), 0.05)
