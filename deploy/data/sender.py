"""An idempotent producer that knows how much of what it was given, from the first on, is acknowledged."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from streaming.exceptions import UnavailableError
from streaming.kafka.config import producer_options
from streaming.settings import Settings

CHUNK = 250
WINDOW = 100_000
"""Most records under way, so that memory stays bounded whatever Kafka does."""
FLUSH_S = 35.0
"""A little more than ``delivery.timeout.ms``: after it every record has succeeded or failed."""
STOP_S = 5.0
"""Longest wait for acknowledgements after Ctrl-C."""

Headers = list[tuple[str, str | bytes | None]]


class _Chunk:
    """Some consecutive records and how many of them Kafka still owes an answer for."""

    __slots__ = ("error", "given", "open")

    def __init__(self) -> None:
        self.given = 0
        self.open = 0
        self.error: KafkaError | None = None

    def delivered(self, error: KafkaError | None, _: Any) -> None:
        self.open -= 1
        if error is not None:
            self.error = error


class Sender:
    """Sends records in order; :attr:`acknowledged` counts the acknowledged ones without a gap.

    Args:
        rate: records a second at most; 0 is no limit.
        check: called before each record and while waiting; may raise.
    """

    def __init__(
        self, settings: Settings, client_id: str, rate: float = 0.0, check: Callable[[], None] = lambda: None
    ) -> None:
        self._producer = Producer(producer_options(settings, client_id))
        self._chunks: deque[_Chunk] = deque([_Chunk()])
        self._rate, self._started, self._sent = rate, time.monotonic(), 0
        self._check = check
        self.acknowledged = 0

    def send(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers
    ) -> None:
        """Hand one record over; waits while too many are under way.

        Raises:
            UnavailableError: Kafka did not acknowledge an earlier record in time.
        """
        self._check()
        self._pace()
        chunk = self._chunks[-1]
        if chunk.given == CHUNK:
            chunk = _Chunk()
            self._chunks.append(chunk)
            self.poll()
        while len(self._producer) >= WINDOW:
            self._check()
            self.poll(0.05)
        chunk.given += 1
        chunk.open += 1
        self._sent += 1
        while True:
            try:
                self._producer.produce(
                    topic, value, key, partition=partition, headers=headers, on_delivery=chunk.delivered
                )
                return
            except BufferError:
                # given to nobody yet: not counted either, should the check end it here
                chunk.given, chunk.open = chunk.given - 1, chunk.open - 1
                self._check()
                self.poll(0.05)
                chunk.given, chunk.open = chunk.given + 1, chunk.open + 1

    def poll(self, timeout_s: float = 0.0) -> int:
        """Take acknowledgements in; returns :attr:`acknowledged`.

        Raises:
            UnavailableError: Kafka did not acknowledge a record in time.
        """
        self._producer.poll(timeout_s)
        while self._chunks and self._chunks[0].open == 0 and self._chunks[0].given:
            chunk = self._chunks[0]
            if chunk.error is not None:
                raise UnavailableError(f"Kafka did not take a record: {chunk.error.str()}")
            # the newest chunk counts as it stands only while nothing can be added to it any more
            if len(self._chunks) == 1 and chunk.given < CHUNK:
                break
            self.acknowledged += chunk.given
            self._chunks.popleft()
        if not self._chunks:
            self._chunks.append(_Chunk())
        return self.acknowledged

    def flush(self, timeout_s: float = FLUSH_S) -> int:
        """Wait until everything is acknowledged; returns how much that is.

        Raises:
            UnavailableError: something was not.
        """
        deadline = time.monotonic() + timeout_s
        while len(self._producer):
            if time.monotonic() > deadline:
                raise UnavailableError(f"Kafka still owes {len(self._producer)} acknowledgements")
            self.poll(0.1)
        self._producer.poll(0)
        for chunk in self._chunks:
            if chunk.error is not None:
                raise UnavailableError(f"Kafka did not take a record: {chunk.error.str()}")
            self.acknowledged += chunk.given
        self._chunks = deque([_Chunk()])
        return self.acknowledged

    def stop(self) -> int:
        """After Ctrl-C: what was handed over is waited for, a few seconds; returns :attr:`acknowledged`."""
        try:
            return self.flush(STOP_S)
        except UnavailableError:
            self.abandon()
            return self.acknowledged

    def abandon(self) -> None:
        """Forget what is not sent yet; what is under way is waited for, two seconds."""
        try:
            self._producer.purge(in_flight=False)
            self._producer.flush(2.0)
        except KafkaException:
            return

    def _pace(self) -> None:
        if self._rate <= 0:
            return
        ahead = self._sent / self._rate - (time.monotonic() - self._started)
        if ahead > 0.01:
            self.poll(0)
            time.sleep(min(ahead, 1.0))
