"""Records to Kafka from an event loop: an answer is given only once all in-sync replicas have them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streaming.gateway.exceptions import NotAcknowledgedError
from streaming.kafka.config import producer_options
from streaming.observability.logging import get_logger
from streaming.observability.metrics import counter
from streaming.settings import Settings

DELIVERY_S = 5.0
"""After this long without an acknowledgement the caller is told that nothing is claimed."""
MAX_UNANSWERED = 10_000
"""Records of answers (served) that may be under way; more are dropped and counted."""

_log = get_logger("gateway.producer")
_dropped = counter("gateway_served_dropped", "Records of answers given up")


@dataclass(frozen=True, slots=True)
class Record:
    """One record, its partition already decided."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None
    headers: list[tuple[str, str | bytes | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one record: its offset, or why it was not acknowledged."""

    offset: int = -1
    error: str | None = None


class _Batch:
    """Counts deliveries on the poll thread and wakes the loop once, with the last."""

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self.results: list[Delivery] = [Delivery(error="not sent")] * size
        self.done: asyncio.Future[None] = loop.create_future()
        self._left = size
        self._loop = loop
        self._lock = threading.Lock()

    def settle(self, position: int, delivery: Delivery) -> None:
        with self._lock:
            self.results[position] = delivery
            self._left -= 1
            last = self._left == 0
        if last:
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class AckProducer:
    """One idempotent producer of a process, and the thread that serves its callbacks."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._options = producer_options(settings, client_id) | {
            "linger.ms": 2,
            "delivery.timeout.ms": int(DELIVERY_S * 1000),
            # answers wait in this queue only while Kafka is away
            "queue.buffering.max.messages": 100_000,
        }
        self._lock = threading.Lock()
        self._fatal = threading.Event()
        self._producer = self._connect()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="gateway-producer", daemon=True)
        self._thread.start()
        self._unanswered = 0

    async def send(self, records: Sequence[Record]) -> list[Delivery]:
        """Produce in order; what became of each, once all are settled.

        Records of one partition are stored in this order. One that was not acknowledged may still have
        been stored: sending it again is harmless by the fold.
        """
        if not records:
            return []
        batch = _Batch(len(records), asyncio.get_running_loop())
        producer = self._producer
        for position, record in enumerate(records):
            try:
                self._produce(producer, record, _on_delivery(batch, position))
            except (BufferError, KafkaException) as error:
                batch.settle(position, Delivery(error=str(error)))
        try:
            # the delivery timeout settles every record; this is for a producer that broke
            await asyncio.wait_for(batch.done, DELIVERY_S + 2)
        except TimeoutError:
            _log.error("deliveries were not reported", records=len(records))
        return list(batch.results)

    async def send_one(self, record: Record) -> int:
        """Produce one record; its offset.

        Raises:
            NotAcknowledgedError: if it was not acknowledged in time.
        """
        (delivery,) = await self.send([record])
        if delivery.error is not None:
            raise NotAcknowledgedError(f"Kafka did not acknowledge: {delivery.error}")
        return delivery.offset

    def forget(self, record: Record) -> None:
        """Produce without waiting, or drop the record where too many are under way."""
        with self._lock:
            full = self._unanswered >= MAX_UNANSWERED
            self._unanswered += not full
        if full:
            _dropped.inc()
            return
        try:
            self._produce(self._producer, record, self._on_forgotten)
        except (BufferError, KafkaException):
            self._settle_forgotten(lost=True)

    def answers(self, timeout_s: float = 2.0) -> bool:
        """Whether Kafka answers a real request; waits."""
        try:
            self._producer.list_topics(timeout=timeout_s)
        except KafkaException:
            return False
        return True

    def close(self, timeout_s: float = 1.5) -> int:
        """Flush and stop; the number of records that could not be sent."""
        left: int = self._producer.flush(timeout_s)
        self._stopped.set()
        self._thread.join(0.5)
        return left

    def _produce(self, producer: Producer, record: Record, callback: Any) -> None:
        producer.produce(
            record.topic,
            value=record.value,
            key=record.key,
            partition=record.partition,
            headers=record.headers,
            on_delivery=callback,
        )

    def _on_forgotten(self, error: KafkaError | None, message: Message) -> None:
        self._settle_forgotten(lost=error is not None)

    def _settle_forgotten(self, lost: bool) -> None:
        with self._lock:
            self._unanswered -= 1
        if lost:
            _dropped.inc()

    def _connect(self) -> Producer:
        return Producer(self._options, error_cb=self._on_error)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal.set()

    def _poll(self) -> None:
        while not self._stopped.is_set():
            self._producer.poll(0.1)
            if self._fatal.is_set():
                # an idempotent producer never recovers from one: settle what it holds, go on with another
                _log.error("producer replaced after a fatal error")
                former, self._producer = self._producer, self._connect()
                self._fatal.clear()
                former.purge()
                former.flush(1.0)


def _on_delivery(batch: _Batch, position: int) -> Any:
    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is None:
            batch.settle(position, Delivery(offset=message.offset() or 0))
        else:
            batch.settle(position, Delivery(error=error.str()))

    return delivered
