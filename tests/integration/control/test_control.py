"""Changes of spaces and route on a real broker: none lost, losers told, followers see them (rule 10)."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from streaming.control.documents import Change, RouteDocument, SpaceDocument
from streaming.control.exceptions import StaleRevisionError
from streaming.control.presence import Presence, read_presence
from streaming.control.reader import ControlReader, read_control
from streaming.control.state import ControlState
from streaming.control.writer import change_control
from streaming.exceptions import ConflictError
from streaming.settings import Settings


def champion(name: str, state: ControlState, change: Change) -> Sequence[SpaceDocument | RouteDocument]:
    return [
        SpaceDocument(space=name, package="p", version="1", dim=4, state="champion", change=change),
        RouteDocument(route_id=name, champion=name, change=change),
    ]


def put(settings: Settings, name: str, **expected: int) -> ControlState:
    return change_control(settings, "ann", "test", lambda s, c: champion(name, s, c), **expected)


def eventually(condition: object, seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, "did not come true"
        time.sleep(0.02)


def test_a_change_is_read_back_and_followed(ensured: Settings) -> None:
    seen: list[int] = []
    reader = ControlReader(ensured, lambda state: seen.append(state.revision))
    reader.start()
    try:
        assert put(ensured, "a").revision == 1
        assert put(ensured, "b").revision == 2
        eventually(lambda: reader.state.revision == 2)
        assert reader.state == read_control(ensured)
        assert set(reader.state.spaces) == {"a", "b"}
        assert reader.state.route is not None
        assert reader.state.route.champion == "b"
        assert seen[0] == 0
        assert seen[-1] == 2
    finally:
        reader.stop()


def test_a_stale_decision_is_refused_and_writes_nothing(ensured: Settings) -> None:
    put(ensured, "a")
    with pytest.raises(StaleRevisionError):
        put(ensured, "b", expect_revision=0)
    assert set(read_control(ensured).spaces) == {"a"}


def test_a_mutation_that_writes_nothing_leaves_the_revision(ensured: Settings) -> None:
    put(ensured, "a")
    assert change_control(ensured, "ann", "look", lambda _s, _c: []).revision == 1


def test_of_two_racing_operators_every_winner_is_seen_and_every_loser_is_told(ensured: Settings) -> None:
    won: list[str] = []
    told: list[str] = []

    def operator(name: str) -> None:
        for i in range(5):
            space = f"{name}{i}"
            try:
                put(ensured, space)
                won.append(space)
            except ConflictError:
                told.append(space)

    threads = [threading.Thread(target=operator, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    state = read_control(ensured)
    assert len(won) + len(told) == 10
    assert set(state.spaces) == set(won)
    assert state.revision == len(won)


def test_presence_comes_and_goes(ensured: Settings) -> None:
    presence = Presence(ensured, "gateway", "7", "127.0.0.1:1", lambda: 42)
    presence.start()
    eventually(lambda: any(p.instance == "7" for p in read_presence(ensured).values()))
    (heartbeat,) = read_presence(ensured).values()
    assert (heartbeat.role, heartbeat.revision, heartbeat.address) == ("gateway", 42, "127.0.0.1:1")
    assert not heartbeat.stale(int(time.time() * 1000))
    assert heartbeat.stale(int(time.time() * 1000) + 11_000)
    presence.stop()
    assert not read_presence(ensured)
