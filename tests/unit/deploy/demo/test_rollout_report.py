"""What `make rollout-demo` says holds must have been measured."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.rollout import LIMITS
from deploy.demo.rollout_report import GATES, STATES, RolloutReport
from deploy.rollout.gates.limits import load_limits
from deploy.rollout.machine import TABLE

GOOD: dict[str, Any] = {
    "states": list(STATES),
    "gates": {name: {"verdict": "passed", "rows": []} for name in GATES},
    "lookups": 4_000,
    "failed": 0,
    "judged": 900,
    "mixed": 0,
    "promote_ms": 120.0,
    "rollback_ms": 110.0,
    "profiles_max_relative_error": 1e-7,
    "differences": 0,
    "champion_before": "old",
    "champion": "old",
    "dropped": True,
}


def test_a_good_run_holds_and_is_written(tmp_path: Path) -> None:
    report = RolloutReport(dict(GOOD))
    assert report.met
    written = json.loads(report.write(tmp_path).read_text())
    assert written["met"]
    assert (tmp_path / RolloutReport.FILE).is_file()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("states", list(STATES[:-1])),
        ("gates", GOOD["gates"] | {"canary": {"verdict": "open"}}),
        ("lookups", 10),
        ("failed", 1),
        ("judged", 3),
        ("mixed", 1),
        ("promote_ms", None),
        ("rollback_ms", None),
        ("profiles_max_relative_error", 2e-5),
        ("differences", 1),
        ("champion", "new"),
        ("dropped", False),
    ],
)
def test_each_thing_that_does_not_hold_is_seen(name: str, value: object) -> None:
    assert not RolloutReport(GOOD | {name: value}).met
    without = {key: kept for key, kept in GOOD.items() if key != name}
    assert not RolloutReport(without).met, "never measured"


def test_states_are_steps_of_the_machine_and_limits_can_be_read() -> None:
    for before, after in itertools.pairwise(STATES):
        assert any(before in rule.sources and rule.target == after for rule in TABLE), (before, after)
    assert load_limits(LIMITS).version >= 1
