"""The table of a space's life, held against what must be true of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from deploy.rollout.exceptions import IllegalStepError
from deploy.rollout.machine import ENDS, FIRST, TABLE, TARGETS, MoveName, commands, legal, target_of
from streaming.control.documents import LIVE_STATES, State

STATES: tuple[State, ...] = get_args(State)
MOVES: tuple[MoveName, ...] = get_args(MoveName)


def test_each_move_has_one_row_and_one_end() -> None:
    assert sorted(rule.move for rule in TABLE) == sorted(MOVES)
    assert set(TARGETS) == set(MOVES)


def test_every_state_is_reached_and_only_the_ends_are_ends() -> None:
    reached, before = {FIRST}, set[State]()
    while reached != before:
        before = set(reached)
        reached |= {rule.target for rule in TABLE if reached & set(rule.sources)}
    assert reached == set(STATES)
    assert {state for state in STATES if not legal(state)} == ENDS


def test_whoever_is_live_can_be_got_rid_of() -> None:
    """From every state that costs a worker a way leads to an end."""
    for state in LIVE_STATES:
        seen, front = {state}, {state}
        while front:
            front = {r.target for r in TABLE if front & set(r.sources)} - seen
            seen |= front
        assert seen & ENDS, state


@pytest.mark.parametrize("state", STATES)
def test_an_illegal_step_is_refused_and_the_legal_ones_are_named(state: State) -> None:
    for move in MOVES:
        if move in legal(state):
            assert target_of(move, "s", state) == TARGETS[move]
            continue
        with pytest.raises(IllegalStepError) as refused:
            target_of(move, "s", state)
        text = str(refused.value)
        assert f"s is {state}" in text
        assert refused.value.exit_code == 6
        for command in commands(state):
            assert f"`{command}`" in text
        others = {rule.command for rule in TABLE if rule.command} - {
            command.removeprefix("rollout ") for command in commands(state)
        }
        assert not [command for command in others if f"`rollout {command}`" in text]


def test_nobody_reaches_users_unproven_while_others_are_served() -> None:
    """Into shadow, canary and champion every way leads through ready, but for the first install."""
    for rule in TABLE:
        if rule.target in ("shadow", "canary", "champion") and rule.move != "install":
            assert not {"created", "backfilling"} & set(rule.sources), rule


def test_the_operators_picture_is_the_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operate.md").read_text()
    drawn = set(re.findall(r"^    (\w+) --> (\w+): (.+)$", page, re.MULTILINE))
    assert drawn == {
        (source, rule.target, rule.command or "another becomes champion")
        for rule in TABLE
        for source in rule.sources
    }
