"""The judge of the mutants: what counts as caught, and that every protection can still be switched off."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.faults import mutants, replacements
from tests.faults.mutants import Outcome, caught, outcomes, passing
from tests.faults.protections import PROTECTIONS, Protection

REPORT = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite>
<testcase classname="tests.integration.a.test_x" name="test_right[3]" time="1"/>
<testcase classname="tests.integration.a.test_x" name="test_wrong">
<failure message="AssertionError: 3 differences: x&#10;assert not True">def test_wrong():
&gt;       check(settings)

tests/integration/a/test_x.py:41:
_ _ _
E       AssertionError: 3 differences: x

tests/integration/a/verify.py:30: AssertionError</failure></testcase>
<testcase classname="tests.integration.a.test_x" name="test_broken">
<error message="failed on setup"/></testcase>
<testcase classname="tests.integration.a.test_x" name="test_skipped"><skipped message="no disk"/></testcase>
</testsuite></testsuites>"""
TEST = "tests/integration/a/test_x.py::"
WRONG = Outcome("AssertionError: 3 differences: x\nassert not True", "test_x.py:41")


def test_a_report_is_read_as_pytest_writes_it() -> None:
    assert outcomes(REPORT) == {
        f"{TEST}test_right[3]": Outcome(""),
        f"{TEST}test_wrong": WRONG,
        f"{TEST}test_broken": Outcome("broken: failed on setup"),
        f"{TEST}test_skipped": Outcome("skipped: no disk"),
    }


@pytest.mark.parametrize(
    ("outcome", "fails", "found", "how"),
    [
        (WRONG, "differences: ", True, "test_x.py:41: 3 differences: x"),
        (WRONG, "did not wait", False, "failed for another reason, test_x.py:41"),
        (Outcome(""), "", False, "survived 3 runs"),
        (Outcome("broken: differences: "), "differences: ", False, "failed for another reason"),
    ],
)
def test_caught_is_what_fails_where_it_should(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome, fails: str, found: bool, how: str
) -> None:
    monkeypatch.setattr(mutants, "run", lambda tests, mutant="": dict.fromkeys(tests, outcome))
    judged = caught(Protection("n", "w", "t", "test", fails))
    assert judged[0] == found
    assert how in judged[1]


def test_what_fails_with_everything_on_is_asked_again_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    # "flaky" fails once, "red" always
    monkeypatch.setattr(
        mutants,
        "run",
        lambda tests, mutant="": (
            asked.append(list(tests))
            or {t: Outcome("no" if t == "red" or (t == "flaky" and len(asked) == 1) else "") for t in tests}
        ),
    )
    listed = [Protection("n", "w", "t", test, "") for test in ("green", "flaky", "red", "green")]
    assert passing(listed) == {"green": "", "flaky": "", "red": "no"}
    assert asked == [["green", "flaky", "red"], ["flaky", "red"], ["red"]]


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda p: p.name)
def test_every_protection_is_there_to_be_switched_off(protection: Protection) -> None:
    module, path = protection.target.split(":")
    owner: object = importlib.import_module(module)
    for part in path.split("."):
        owner = getattr(owner, part)
    assert callable(owner)
    assert callable(getattr(replacements, protection.name))
    re.compile(protection.fails)
