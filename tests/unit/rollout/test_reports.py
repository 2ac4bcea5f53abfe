"""What operators read: who lags, what happened, what is different."""

from __future__ import annotations

import time

import msgspec
import pytest
from click.testing import CliRunner

from deploy.cli.rollout import command
from deploy.rollout.ending import _model_needed
from deploy.rollout.machine import TABLE
from deploy.rollout.presence import lagging
from deploy.rollout.reports import moves, processes
from deploy.rollout.resuming import unfinished
from streaming.control.documents import Change, SpaceDocument, State, moved
from streaming.control.presence import Heartbeat
from streaming.control.state import ControlState
from streaming.exceptions import NotFoundError

NOW = 100_000


def beat(role: str, revision: int, age_ms: int = 0) -> Heartbeat:
    return Heartbeat(
        role=role,
        instance="0",
        address="h:1",
        host="h",
        pid=1,
        revision=revision,
        started_ms=0,
        at_ms=NOW - age_ms,
    )


def change(revision: int) -> Change:
    return Change(revision=revision, nonce="n", operator=f"op{revision}", reason="r", at_ms=revision * 1000)


def space(name: str, state: State, revision: int = 1, **fields: object) -> SpaceDocument:
    made = SpaceDocument(
        space=name,
        package="p",
        version="1",
        dim=4,
        change=change(revision),
        **fields,  # type: ignore[arg-type]
    )
    return moved(made, state, change(revision))


def test_who_lags_and_who_is_gone_is_said() -> None:
    beats = {b.key: b for b in (beat("gateway", 4), beat("ledger", 5), beat("space:a", 3, 11_000))}
    rows = {row.role: row.remark for row in processes(beats, 5, NOW)}
    assert rows == {"gateway": "lags by 1", "ledger": "", "space:a": "not heard of"}


def test_who_is_not_heard_of_is_not_waited_for() -> None:
    fresh = msgspec.structs.replace(beat("gateway", 1), at_ms=int(time.time() * 1000))
    stale = msgspec.structs.replace(fresh, instance="1", at_ms=fresh.at_ms - 11_000)
    beats = {fresh.key: fresh, stale.key: stale}
    assert lagging(beats, 2, "gateway") == [fresh.key]
    assert lagging(beats, 1, "gateway") == []
    assert lagging(beats, 2, "ledger") == []


def test_the_history_is_one_line_a_move_by_revision() -> None:
    state = ControlState().with_document(moved(space("a", "champion", 1), "standby", change(3)))
    state = state.with_document(space("b", "champion", 3))
    assert [(row.revision, row.space, row.state, row.operator) for row in moves(state)] == [
        (1, "a", "champion", "op1"),
        (3, "a", "standby", "op3"),
        (3, "b", "champion", "op3"),
    ]
    assert [row.space for row in moves(state, "b")] == ["b"]
    with pytest.raises(NotFoundError):
        moves(state, "c")


def test_what_is_unfinished_is_what_needs_no_decision() -> None:
    state = ControlState()
    states = {"c": "created", "b": "backfilling", "r": "ready", "x": "aborted", "y": "retired"}
    for name, kind in states.items():
        state = state.with_document(space(name, kind, dropped=name == "y"))  # type: ignore[arg-type]
    assert {one.space for one in unfinished(state)} == {"c", "b", "x"}


def test_a_model_version_goes_with_its_last_space() -> None:
    gone = space("a", "retired")
    state = ControlState().with_document(gone)
    assert not _model_needed(state, gone)
    assert not _model_needed(state.with_document(space("b", "aborted")), gone)
    assert _model_needed(state.with_document(space("b", "created")), gone)


def test_every_command_of_the_table_is_there_and_shows_an_example() -> None:
    runner = CliRunner()
    for rule in TABLE:
        if rule.command:
            assert rule.command.split()[0] in command.commands, rule
    for name, one in command.commands.items():
        text = runner.invoke(command, [name, "--help"]).output
        assert "Example" in text or name == "gate", name
        names = {option for parameter in one.params for option in parameter.opts}
        if name in ("shadow", "canary", "promote", "rollback", "abort", "retire"):
            assert {"--dry-run", "--yes", "--json", "--reason", "--operator"} <= names
