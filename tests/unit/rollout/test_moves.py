"""Any sequence of moves leaves one champion, one route, and a history that tells it (rules 8 and 10)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from deploy.rollout.exceptions import IllegalStepError
from deploy.rollout.machine import ENDS, TARGETS, MoveName, legal
from deploy.rollout.moves import documents, rollback_target
from streaming.control.documents import (
    Canary,
    Change,
    RouteDocument,
    SpaceDocument,
    encode_control,
    space_key,
)
from streaming.control.state import ControlState
from streaming.exceptions import ConfigurationError, NotFoundError
from streaming.gateway.routing import space_for

MOVES = sorted(set(TARGETS) - {"demote"})


def change(revision: int, operator: str = "ann") -> Change:
    nonce = f"{revision:08x}{'0' * 24}"
    return Change(revision=revision, nonce=nonce, operator=operator, reason="why", at_ms=revision)


def new(name: str, state: ControlState) -> SpaceDocument:
    return SpaceDocument(space=name, package="p", version="1", dim=4, change=change(state.revision + 1))


def written(state: ControlState, made: Sequence[SpaceDocument | RouteDocument]) -> ControlState:
    for document in made:
        state = state.with_document(document)
    return state


def made(state: ControlState, move: MoveName, space: str, percent: float | None = None) -> ControlState:
    return written(state, documents(state, change(state.revision + 1), move, space, percent))


def started(state: ControlState, name: str, *moves: MoveName) -> ControlState:
    state = state.with_document(new(name, state))
    for move in moves:
        state = made(state, move, name)
    return state


class Rollouts(RuleBasedStateMachine):
    """Operators who type anything, against a plain model of what they may expect."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ControlState()
        self.model: dict[str, str] = {}
        self.deals: dict[str, str] = {}

    @precondition(lambda self: len(self.model) < 6)
    @rule()
    def start(self) -> None:
        name = f"s{len(self.model)}"
        self.state = self.state.with_document(new(name, self.state))
        self.model[name] = "created"

    @precondition(lambda self: self.model)
    @rule(data=st.data(), move=st.sampled_from(MOVES), percent=st.sampled_from((None, 0.0, 5.0, 25.0, 100.0)))
    def step(self, data: st.DataObject, move: MoveName, percent: float | None) -> None:
        name = data.draw(st.sampled_from(sorted(self.model)))
        before = self.state
        if move == "canary" and not percent:
            with pytest.raises(ConfigurationError):
                documents(before, change(before.revision + 1), move, name, percent)
            return
        try:
            changed = documents(before, change(before.revision + 1), move, name, percent)
        except IllegalStepError:
            return
        if not changed:
            assert before.spaces[name].state == TARGETS[move]
            return
        assert move in legal(before.spaces[name].state)
        for part in range(1, len(changed)):
            # whoever has read only a part answers nobody from a space that is gone
            halfway = written(before, changed[:part])
            assert set(halfway.routed) <= set(halfway.live)
        self.state = written(before, changed)
        assert self.state.revision == before.revision + 1, "one move is one revision"
        for other, document in self.state.spaces.items():
            if document is before.spaces[other]:
                continue
            # nobody but the one that was named moves, and the champion that makes room
            assert other == name or (self.model[other], document.state) == ("champion", "standby")
            self.model[other] = document.state
        assert self.model[name] == TARGETS[move]
        # the same again changes nothing
        assert not documents(self.state, change(self.state.revision + 1), move, name, percent)

    @precondition(lambda self: "standby" in self.model.values())
    @rule()
    def back(self) -> None:
        """Rolling back and forth ends where it began."""
        assert self.state.route is not None
        champion = self.state.route.champion
        there = made(self.state, "rollback", rollback_target(self.state))
        assert rollback_target(there) == champion
        again = made(there, "rollback", champion)
        assert again.route is not None
        assert again.route.champion == champion
        assert {n: s.state for n, s in again.spaces.items()} == self.model

    @invariant()
    def the_route_and_the_states_say_the_same(self) -> None:
        route = self.state.route
        by_state = {
            s: [n for n, d in self.state.spaces.items() if d.state == s]
            for s in ("champion", "canary", "shadow")
        }
        assert by_state["champion"] == ([route.champion] if route else [])
        assert by_state["canary"] == ([route.canary.space] if route and route.canary else [])
        assert by_state["shadow"] == ([route.shadow] if route and route.shadow else [])
        assert {n: d.state for n, d in self.state.spaces.items()} == self.model

    @invariant()
    def nobody_is_routed_who_is_not_there(self) -> None:
        for name in self.state.routed:
            assert name in self.state.live
            assert self.model[name] not in ENDS

    @invariant()
    def the_history_tells_every_move(self) -> None:
        for document in self.state.spaces.values():
            assert all(move.operator == "ann" for move in document.history)
            revisions = [move.revision for move in document.history]
            assert revisions == sorted(set(revisions))
            if document.history:
                assert document.history[-1].state == document.state

    @invariant()
    def compaction_loses_nothing(self) -> None:
        """A new reader folds the newest record of each key and sees the same."""
        state = ControlState()
        for name, document in self.state.spaces.items():
            state = state.with_record(space_key(name), encode_control(document))
        if self.state.route is not None:
            state = state.with_record("route", encode_control(self.state.route))
        assert dict(state.spaces) == dict(self.state.spaces)
        assert state.route == self.state.route
        assert state.revision == max(
            [0]
            + [d.change.revision for d in self.state.spaces.values()]
            + ([self.state.route.change.revision] if self.state.route else [])
        )


Rollouts.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestRollouts = Rollouts.TestCase


def test_a_whole_rollout_and_back() -> None:
    state = started(ControlState(), "a", "backfill", "install")
    state = started(state, "b", "backfill", "prove", "shadow")
    assert state.route is not None
    assert (state.route.champion, state.route.shadow) == ("a", "b")
    dealt = state.route.route_id
    state = made(state, "canary", "b", 5.0)
    assert state.route is not None
    assert (state.route.canary, state.route.shadow) == (Canary("b", 5.0), None)
    assert state.route.route_id != dealt, "each rollout deals the users anew"
    users = [f"u{n}" for n in range(2_000)]
    few = {u for u in users if state.route and space_for(state.route, u) == "b"}
    state = made(state, "canary", "b", 50.0)
    assert state.route is not None
    assert few <= {u for u in users if space_for(state.route, u) == "b"}, "who is in stays in"
    state = made(state, "promote", "b")
    assert state.route is not None
    assert (state.route.champion, state.route.canary) == ("b", None)
    assert state.spaces["a"].state == "standby"
    state = made(state, "rollback", rollback_target(state))
    assert (state.spaces["a"].state, state.spaces["b"].state) == ("champion", "standby")
    with pytest.raises(IllegalStepError):
        made(state, "retire", "a")
    state = made(state, "retire", "b")
    assert set(state.live) == {"a"}
    assert [move.percent for move in state.spaces["b"].history] == [
        None,
        None,
        None,
        5.0,
        50.0,
        None,
        None,
        None,
    ]


def test_a_space_that_the_route_names_is_not_retired_whatever_its_state_says() -> None:
    state = started(ControlState(), "a", "backfill", "install")
    lying = msgspec.structs.replace(state.spaces["a"], state="standby")
    with pytest.raises(IllegalStepError, match="routed"):
        made(state.with_document(lying), "retire", "a")


def test_there_is_one_canary_and_one_shadow() -> None:
    state = started(ControlState(), "a", "backfill", "install")
    state = started(state, "b", "backfill", "prove")
    state = started(state, "c", "backfill", "prove")
    with pytest.raises(IllegalStepError, match="b is shadow already"):
        made(made(state, "shadow", "b"), "shadow", "c")
    with pytest.raises(IllegalStepError, match="b is canary already"):
        made(made(state, "canary", "b", 5.0), "canary", "c", 5.0)
    both = made(made(state, "canary", "b", 5.0), "shadow", "c")
    assert both.routed == ("a", "b", "c")
    assert made(both, "abort", "b").routed == ("a", "c")


def test_an_abort_without_a_route_writes_none() -> None:
    state = started(ControlState(), "a", "backfill")
    state = made(state, "abort", "a")
    assert state.route is None
    assert state.spaces["a"].state == "aborted"


@given(percent=st.one_of(st.none(), st.floats().filter(lambda p: not 0 < p <= 100)))
def test_no_share_is_refused(percent: float | None) -> None:
    state = started(ControlState(), "a", "backfill", "install")
    state = started(state, "b", "backfill", "prove")
    with pytest.raises(ConfigurationError):
        made(state, "canary", "b", percent)


def test_an_unknown_space_is_named() -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        documents(ControlState(), change(1), "abort", "nobody")
    with pytest.raises(IllegalStepError, match="nothing to roll back to"):
        rollback_target(ControlState())
