"""Ratings at a steady rate, as unfriendly services would send them, and waiting until all are folded."""

from __future__ import annotations

import json
import random
import threading
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Message, Producer

from streaming.documents import HEARTBEAT_KEY
from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.config import producer_options
from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.kafka.loader import read_to_end
from streaming.kafka.offsets import SourceRange, source_ranges
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames

DAY_S = 86_400


class Traffic:
    """Sends from a thread while the ``with`` block runs; ``sent`` counts what Kafka acknowledged.

    New ratings, re-ratings, take-backs, duplicates, out-of-order event times, erases, misplaced and broken
    records.
    """

    def __init__(
        self,
        settings: Settings,
        rng: random.Random,
        per_s: float = 600,
        users: int = 200,
        items: int = 150,
        days_late: float = 0.0,
    ) -> None:
        self._rng, self._per_s, self._users, self._items = rng, per_s, users, items
        self._late_s = days_late * DAY_S
        self._settings = settings
        self._topic = TopicNames(settings.namespace).ratings
        self._producer = Producer(producer_options(settings, "traffic") | {"delivery.timeout.ms": 120_000})
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic")
        self.sent = 0
        self._last: tuple[bytes, str, int] = (b"first", "0", 0)

    def burst(self, count: int) -> None:
        """Send ``count`` events now and wait for their acknowledgement."""
        for _ in range(count):
            self._send()
            self._producer.poll(0)
        self._producer.flush()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        if kind is not None:
            # the test has failed: what waits for a broker that is away must not hold up the next
            self._producer.purge()
            return
        left = self._producer.flush(120)
        assert not left, f"{left} events were never acknowledged"

    def _run(self) -> None:
        began, count = time.monotonic(), 0
        while not self._stopped.is_set():
            due = int((time.monotonic() - began) * self._per_s)
            while count < due:
                self._send()
                count += 1
            self._producer.poll(0.01)

    def _send(self) -> None:
        value, user, partition = self._event()
        self._last = (value, user, partition)

        def acknowledged(error: Any, _message: Any) -> None:
            assert error is None, error
            self.sent += 1

        self._producer.produce(self._topic, value, user, partition=partition, on_delivery=acknowledged)

    def _event(self) -> tuple[bytes, str, int]:
        rng, count = self._rng, self._settings.topics.ratings_partitions
        kind = rng.random()
        if kind < 0.02:
            return self._last
        user = f"user-{rng.randrange(self._users)}"
        home = partition_of(user, count)
        if kind < 0.03:
            return b"no event", user, home
        now = time.time() - self._late_s
        when = now - rng.choice((0.0, rng.random(), rng.random() * 100 * DAY_S))
        event: dict[str, Any] = {
            "user_id": user,
            "event_time": datetime.fromtimestamp(when, UTC).isoformat(),
        }
        if kind < 0.035:
            event["erase"] = True
        else:
            event["item_id"] = f"ml:{rng.randrange(self._items)}"
            event["value"] = rng.choice((None, 0.5, 1, 2, 3, 3.5, 4, 4, 4.5, 5, 5))
        partition = rng.randrange(count) if kind > 0.98 else home
        return json.dumps(event).encode(), user, partition


def ranges(settings: Settings, admin: OffsetAdmin | None = None) -> dict[int, SourceRange]:
    """Where the ledgers stand in each partition of ``ratings.v1``; ``admin`` saves making one."""
    names = TopicNames(settings.namespace)
    places = [(names.ratings, n) for n in range(settings.topics.ratings_partitions)]
    own = admin or OffsetAdmin(settings, "traffic")
    try:
        found = source_ranges(own, names.ledger_group, places)
    finally:
        if own is not admin:
            own.close()
    return {number: found_range for (_, number), found_range in found.items()}


def folded(settings: Settings) -> int:
    """Sum of the committed offsets; -1 while a transaction is open."""
    try:
        return sum(found.committed or 0 for found in ranges(settings).values())
    except KafkaUnavailableError:
        return -1


def behind(settings: Settings, admin: OffsetAdmin | None = None) -> int:
    """How many records wait for a ledger; heartbeats and the markers of transactions do not count.

    Raises:
        KafkaUnavailableError: while a transaction of a ledger is open, or Kafka is away.
    """
    topic = TopicNames(settings.namespace).ratings
    waiting = {
        (topic, number): found.start()
        for number, found in ranges(settings, admin).items()
        if found.start() < found.end
    }
    records: list[Message] = []
    read_to_end(settings, waiting, records.append, "traffic")
    return sum(message.key() != HEARTBEAT_KEY for message in records)


def wait_folded(settings: Settings, timeout_s: float = 60.0) -> None:
    """Return when every record of the log is folded.

    Raises:
        AssertionError: if that takes longer than ``timeout_s``.
    """
    admin = OffsetAdmin(settings, "traffic")
    until = time.monotonic() + timeout_s
    left = -1
    try:
        while left:
            try:
                left = behind(settings, admin)
            except KafkaUnavailableError:
                left = -1
            if left:
                assert time.monotonic() < until, f"{left} records are not folded after {timeout_s:g} s"
                time.sleep(0.1)
    finally:
        admin.close()
