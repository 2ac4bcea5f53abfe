"""A rebalance that comes and goes within one poll loses no record.

librdkafka takes partitions away, gives them anew and hands out the first records in the same poll, where the
broker forgot the member while a transaction hung. Which poll that is cannot be chosen with a real consumer
(``tests/integration/rollout/test_kills.py``, Kafka killed during a shadow, meets it each time), so one that
does it on demand stands for it here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from streaming.control.documents import Change, SpaceDocument
from streaming.events import Item, encode
from streaming.kafka.assignments import Starts
from streaming.settings import Settings
from streaming.space.indexer import Indexer
from streaming.space.reconciler import Reconciler
from streaming.space.state import SpaceState

PARTITION, RECORDS = 2, 6


class Record:
    """As a consumer returns it."""

    def __init__(self, topic: str, offset: int) -> None:
        self._topic, self._offset = topic, offset

    def topic(self) -> str:
        return self._topic

    def offset(self) -> int:
        return self._offset

    def partition(self) -> int:
        return PARTITION

    def key(self) -> bytes:
        return b"m:1"

    def value(self) -> bytes:
        return encode(Item(item_id="m:1", title=f"Film {self._offset}"))

    def headers(self) -> list[tuple[str, bytes]]:
        return []

    def error(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, 1


class Broker:
    """One partition, read by one member; ``meanwhile`` happens within the next poll."""

    def __init__(self, topic: str) -> None:
        self.topic, self.assigned, self.at = topic, False, 0
        self.meanwhile: Callable[[], None] = lambda: None

    def poll(self, _: float) -> Record | None:
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return next(iter(self.consume(1, 0)), None)

    def consume(self, number: int, _: float) -> list[Record]:
        if not self.assigned:
            return []
        found = [Record(self.topic, offset) for offset in range(self.at, min(self.at + number, RECORDS))]
        self.at += len(found)
        return found

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(self.topic, PARTITION)] if self.assigned else []

    def incremental_assign(self, places: list[TopicPartition]) -> None:
        self.assigned, self.at = True, places[0].offset

    def incremental_unassign(self, _: list[TopicPartition]) -> None:
        self.assigned = False

    def seek(self, place: TopicPartition) -> None:
        assert self.assigned, "librdkafka refuses to seek what is not assigned"
        self.at = place.offset

    def memberid(self) -> str:
        return "member"

    def consumer_group_metadata(self) -> object:
        return object()

    def pause(self, _: Any) -> None:
        pass

    resume = pause


@pytest.mark.parametrize("committed", [0, 3], ids=["nobody went on", "another went on"])
def test_what_comes_with_a_new_assignment_is_read_from_its_beginning(
    committed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(namespace="t", kafka={"bootstrap.servers": "127.0.0.1:1", "log_level": "0"})
    space = SpaceDocument(
        space="s",
        package="p",
        version="1",
        dim=4,
        change=Change(revision=1, nonce="", operator="", reason="", at_ms=0),
    )
    state = SpaceState(space, "writer", 10.0)
    reconciler = Reconciler(state, None, 60.0)  # type: ignore[arg-type]  # it is not started
    indexer = Indexer(settings, state, reconciler, lambda items: [], "test", "t.test", {})
    consumer: Any = Broker("t.items.v1")
    start = 0

    def starts(*_: Any) -> Starts:
        return Starts([TopicPartition("t.items.v1", PARTITION, start)])

    monkeypatch.setattr("streaming.space.indexer.explicit_starts", starts)
    place = [TopicPartition("t.items.v1", PARTITION)]
    indexer._assigned(consumer, place)
    consumer.at = 1
    start = committed

    def lost_and_given_back() -> None:
        indexer._revoked(consumer, place)
        indexer._assigned(consumer, place)

    consumer.meanwhile = lost_and_given_back
    for _ in range(2):
        indexer._consume(consumer)
    assert indexer._held is not None
    assert indexer._held.begins == {PARTITION: committed}
    assert indexer._held.ends == {PARTITION: RECORDS}
