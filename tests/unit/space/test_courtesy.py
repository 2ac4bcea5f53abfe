"""A backfill gives way to the champion's films, and is never kept waiting for ever."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.control.documents import Change, RouteDocument, SpaceDocument, State
from streaming.control.presence import Heartbeat
from streaming.control.state import ControlState
from streaming.space.courtesy import LONGEST_S, QUIET_S, Courtesy, champion_busy

CHANGE = Change(revision=1, nonce="", operator="", reason="", at_ms=0)


def test_where_nothing_live_waits_every_request_goes_at_once() -> None:
    courtesy = Courtesy()
    assert all(courtesy.goes(busy=False, now=100.0) for _ in range(1_000))


def test_a_request_waits_until_the_champion_has_been_quiet() -> None:
    courtesy = Courtesy()
    assert not courtesy.goes(busy=True, now=10.0)
    assert not courtesy.goes(busy=False, now=10.0 + 0.9 * QUIET_S)
    assert not courtesy.goes(busy=True, now=10.0 + 0.9 * QUIET_S)
    assert not courtesy.goes(busy=False, now=10.0 + 1.8 * QUIET_S)
    assert courtesy.goes(busy=False, now=10.0 + 1.9 * QUIET_S + 1e-9)


@given(st.lists(st.tuples(st.floats(0.001, 0.5), st.booleans()), max_size=200))
def test_no_request_waits_longer_than_the_longest(looks: list[tuple[float, bool]]) -> None:
    courtesy, now, asked = Courtesy(), 0.0, 0.0
    for step, busy in looks:
        if courtesy.goes(busy, now):
            asked = now + step
        else:
            assert now - asked < LONGEST_S
        now += step


def beat(**changes: object) -> Heartbeat:
    made = Heartbeat(
        role="space:old", instance="0", address="", host="h", pid=1, revision=1, started_ms=0, at_ms=50_000
    )
    return msgspec.structs.replace(made, **{"busy": True, **changes})


def control(state: State, champion: str | None = "old") -> ControlState:
    spaces = {
        name: SpaceDocument(space=name, package="p", version="1", dim=4, state=at, change=CHANGE)
        for name, at in (("old", "champion"), ("new", state))
    }
    route = None if champion is None else RouteDocument(route_id="r", champion=champion, change=CHANGE)
    return ControlState(1, "", route, spaces)


def test_only_a_space_that_is_being_filled_gives_way() -> None:
    assert champion_busy(control("backfilling"), "new", [beat()], 50_100)
    assert not champion_busy(control("shadow"), "new", [beat()], 50_100)
    assert not champion_busy(control("backfilling"), "old", [beat()], 50_100)
    assert not champion_busy(control("backfilling"), "unknown", [beat()], 50_100)
    assert not champion_busy(control("backfilling", champion=None), "new", [beat()], 50_100)


@pytest.mark.parametrize("change", [{"busy": False}, {"role": "space:new"}, {"role": "gateway"}])
def test_only_the_champions_workers_count(change: dict[str, object]) -> None:
    assert not champion_busy(control("backfilling"), "new", [beat(**change)], 50_100)


def test_a_worker_that_is_heard_of_no_more_has_nothing_in_hand() -> None:
    assert champion_busy(control("backfilling"), "new", [beat()], 60_000)
    assert not champion_busy(control("backfilling"), "new", [beat()], 60_001)
