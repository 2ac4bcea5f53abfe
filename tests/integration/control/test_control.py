"""Changes of spaces and route on a real broker: none lost, losers told, followers see them (rule 10)."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streaming.control.documents import Change, RouteDocument, SpaceDocument
from streaming.control.exceptions import StaleRevisionError
from streaming.control.presence import Presence, PresenceWatch, read_presence
from streaming.control.reader import ControlReader, read_control
from streaming.control.state import ControlState
from streaming.control.writer import change_control
from streaming.exceptions import ConflictError, MarqueeError
from streaming.kafka.config import admin_options
from streaming.settings import Settings
from streaming.topics import TopicNames, fixed_topics
from streaming.topics.admin import ensure
from tests.support import until


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


def test_followers_read_anew_what_was_made_anew(ensured: Settings) -> None:
    reader = ControlReader(ensured)
    watch = PresenceWatch(ensured)
    presence = Presence(ensured, "gateway", "7", "127.0.0.1:1", lambda: 42)
    reader.start()
    try:
        put(ensured, "a")
        put(ensured, "b")
        eventually(lambda: set(reader.state.spaces) == {"a", "b"})
        presence.start()
        eventually(lambda: watch.look())
        names = TopicNames(ensured.namespace)
        admin = AdminClient(admin_options(ensured))
        for deleted in admin.delete_topics([names.control, names.presence]).values():
            deleted.result(10)
        until(lambda: made_again(ensured), 20)
        put(ensured, "c")
        eventually(lambda: set(reader.state.spaces) == {"c"}, 20)
        assert reader.state == read_control(ensured)
        put(ensured, "d")
        eventually(lambda: set(reader.state.spaces) == {"c", "d"})
        # heartbeats go on where they are
        began_ms = int(time.time() * 1000)
        eventually(lambda: any(beat.at_ms > began_ms for beat in watch.look().values()), 20)
    finally:
        reader.stop()
        presence.stop()
        watch.close()


def made_again(settings: Settings) -> bool:
    """Topics are deleted some time after Kafka has said so."""
    try:
        ensure(settings, fixed_topics(settings))
    except (MarqueeError, KafkaException):
        return False
    return True


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
