"""A promotion wants its gates to have passed, against whom users have now."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from deploy.cli.rollout_gates import _act
from deploy.rollout.changes import Plan
from deploy.rollout.exceptions import GatesMissingError
from deploy.rollout.gates.limits import load_limits
from deploy.rollout.gates.rows import Gate, at_most
from deploy.rollout.gates.sequential import Interval
from deploy.rollout.gates.verdicts import forced_reason, gates_text, missing, noted, require_passed
from streaming.control.documents import (
    Change,
    RouteDocument,
    SpaceDocument,
    decode_control,
    encode_control,
    space_key,
)
from streaming.control.state import ControlState
from streaming.settings import Settings

Said = Literal["passed", "open", "failed"]
WANTED = load_limits().promote
NAMES = WANTED.gates
HIGHS = {"passed": 0.5, "open": 1.5, "failed": 2.5}


def change(revision: int) -> Change:
    return Change(revision=revision, nonce="n", operator="ann", reason="r", at_ms=revision)


def space(name: str, version: str) -> SpaceDocument:
    return SpaceDocument(space=name, package="p", version=version, dim=4, state="ready", change=change(1))


def state(new: SpaceDocument, champion: str = "old") -> ControlState:
    here = ControlState().with_document(space("old", "1")).with_document(space("older", "0"))
    route = RouteDocument(route_id="r", champion=champion, change=change(1))
    return here.with_document(route).with_document(new)


def gate(name: str, verdict: Said) -> Gate:
    high = HIGHS[verdict]
    row = at_most("row", Interval(high, high - 1.0, high), 1.0, 10)
    made = Gate(name, "new", "old", 4, (row,))
    assert made.verdict == verdict
    return made


def asked(one: SpaceDocument, name: str, verdict: Said) -> SpaceDocument:
    return noted(one, gate(name, verdict), change(2))


def passed(names: tuple[str, ...] = NAMES) -> SpaceDocument:
    new = space("new", "2")
    for name in names:
        new = asked(new, name, "passed")
    return new


def test_all_four_are_wanted_and_will_do() -> None:
    assert set(NAMES) == {"verify", "evaluate", "shadow", "canary"}
    require_passed(state(passed()), "new", WANTED)
    assert forced_reason(state(passed()), "new", WANTED, "because") == "because"


@pytest.mark.parametrize("name", NAMES)
def test_each_that_was_not_asked_or_failed_is_named(name: str) -> None:
    without = passed(tuple(one for one in NAMES if one != name))
    for new, words in ((without, "has not judged it"), (asked(passed(), name, "failed"), "has failed")):
        with pytest.raises(GatesMissingError, match=f"`{name}` {words}.*--force --reason") as error:
            require_passed(state(new), "new", WANTED)
        assert error.value.exit_code == 16
        assert forced_reason(state(new), "new", WANTED, "why") == f"forced, though `{name}` {words}: why"


@pytest.mark.parametrize("name", NAMES)
def test_undecided_is_not_passed_but_for_the_time_of_an_engine(name: str) -> None:
    found = missing(state(asked(passed(), name, "open")), "new", WANTED)
    assert found == ([] if name == "verify" else [f"`{name}` is undecided"])
    strict = msgspec.structs.replace(WANTED, may_be_open=())
    assert missing(state(asked(passed(), name, "open")), "new", strict) == [f"`{name}` is undecided"]


def test_the_newest_verdict_counts_and_comes_back_from_its_record() -> None:
    again = asked(asked(passed(), "shadow", "failed"), "shadow", "passed")
    assert missing(state(again), "new", WANTED) == []
    assert len(again.gates) == len(NAMES)
    assert gates_text(again) == "verify passed, evaluate passed, canary passed, shadow passed"
    assert decode_control(space_key("new"), encode_control(again)) == again


def test_another_champion_has_to_be_beaten_anew() -> None:
    found = missing(state(passed(), champion="older"), "new", WANTED)
    assert found == [
        f"`{name}` judged it against old, which is not champion now"
        for name in ("evaluate", "shadow", "canary")
    ]


def test_where_nobody_is_served_nothing_is_asked_and_a_known_engine_is_known() -> None:
    alone = ControlState().with_document(space("new", "2"))
    assert missing(alone, "new", WANTED) == []
    found = missing(state(space("new", "1")), "new", WANTED)
    assert [clause.split("`")[1] for clause in found] == ["evaluate", "shadow", "canary"]


def test_a_canary_that_passed_does_not_stand_in_for_a_gate_that_nobody_asked(
    bare_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = asked(passed(("verify", "evaluate")), "canary", "passed")
    planned = Plan("promote", "new", state(new), None, [new])
    monkeypatch.setattr("deploy.rollout.changes.plan", lambda *_: planned)
    done = _act(bare_settings, gate("canary", "passed"), "ann", "", None)
    assert done == {"not_promoted": "`shadow` has not judged it"}
