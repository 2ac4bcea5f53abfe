"""Exactly-once batches: records and source offsets in one Kafka transaction (DESIGN section 3)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from streaming.kafka.bounded import BoundedCalls
from streaming.kafka.config import transactional_options
from streaming.kafka.exceptions import (
    CallHangsError,
    FencedError,
    KafkaUnavailableError,
    TransactionAbortedError,
)
from streaming.settings import Settings

ATTEMPT_S = 10.0
HANGS_S = ATTEMPT_S + 2.0
"""A call that has not returned by then never will; its producer is replaced."""
GIVE_UP_S = 60.0
"""How long a step of a transaction is retried; by then its timeout has ended it at the broker."""
ABORT_S = 15.0
"""How long an abort is retried before a new producer takes the id over, which aborts as well."""


class TransactionalProducer:
    """A producer whose every write is part of a transaction.

    ``begin``, any number of ``produce``, ``commit``. On TransactionAbortedError everything since ``begin``
    is void and the source must be rewound; on FencedError the process must end. While Kafka is away, waiting
    for it ends only when ``stopping`` says so.
    """

    def __init__(
        self,
        settings: Settings,
        transactional_id: str,
        client_id: str,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._options = transactional_options(settings, transactional_id, client_id)
        self._producer = Producer(self._options)
        self._calls = BoundedCalls(f"transactions-{transactional_id}")
        self._stopping = stopping
        self.open = False

    def start(self) -> None:
        """Fence former owners of the id, abort what they left open; retries while Kafka is away.

        Raises:
            FencedError: if Kafka refuses for good.
            KafkaUnavailableError: if it is time to stop before Kafka answered.
        """
        pause = 0.1
        while True:
            try:
                self._calls.run(partial(self._producer.init_transactions, ATTEMPT_S), HANGS_S)
            except CallHangsError:
                self._producer = Producer(self._options)
            except KafkaException as error:
                reason = error.args[0]
                if reason.fatal() or not (reason.retriable() or _away(reason)):
                    raise FencedError(f"transactions cannot be begun: {reason.str()}") from None
            else:
                return
            if self._stopping():
                raise KafkaUnavailableError("stopped before Kafka answered")
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(2 * pause, 5.0)

    def begin(self) -> None:
        """Open a transaction. Raises FencedError."""
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            raise FencedError(f"no transaction can be begun: {error.args[0].str()}") from None
        self.open = True

    def produce(self, topic: str, value: bytes | None, key: str | bytes | None, **options: Any) -> None:
        """As ``Producer.produce``, waiting while the queue is full.

        Raises:
            TransactionAbortedError: the transaction cannot go on and was aborted.
            FencedError: as the class says.
        """
        while True:
            try:
                self._producer.produce(topic, value, key, **options)
            except BufferError:
                self._producer.poll(0.05)
            except KafkaException as error:
                self._fail(error)
            else:
                return

    def commit(self, offsets: Sequence[TopicPartition], metadata: object | None) -> None:
        """Commit the records with the source ``offsets`` under the group ``metadata`` of their batch.

        Args:
            metadata: ``consumer_group_metadata()`` taken when the batch was consumed, never later: only then
                does Kafka refuse the commit of a former owner. None (without offsets) writes records alone.

        Raises:
            TransactionAbortedError: nothing was committed.
            FencedError: as the class says; whether it was committed is not known.
        """
        if offsets:
            send = self._producer.send_offsets_to_transaction
            self._step(partial(send, list(offsets), metadata, ATTEMPT_S))
        self._step(partial(self._producer.commit_transaction, ATTEMPT_S))
        self.open = False
        self._producer.poll(0)

    def abort(self) -> None:
        """Void the open transaction, if there is one.

        Raises:
            FencedError: as the class says.
            KafkaUnavailableError: if it is time to stop before Kafka answered.
        """
        if not self.open:
            return
        self.open = False
        pause, until = 0.1, time.monotonic() + ABORT_S
        while True:
            try:
                self._calls.run(partial(self._producer.abort_transaction, ATTEMPT_S), HANGS_S)
            except CallHangsError:
                self._replace()
                return
            except KafkaException as error:
                reason = error.args[0]
                if reason.fatal() or not reason.retriable() or self._stopping():
                    raise FencedError(f"a transaction could not be aborted: {reason.str()}") from None
                if time.monotonic() > until:
                    # a broker that was killed may leave a producer whose aborts time out for good
                    self._replace()
                    return
                time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
                pause = min(2 * pause, 5.0)
            else:
                self._producer.poll(0)
                return

    def _step(self, call: Callable[[], object]) -> None:
        until = time.monotonic() + GIVE_UP_S
        while True:
            try:
                self._calls.run(call, HANGS_S)
            except CallHangsError as error:
                self.open = False
                self._replace()
                raise TransactionAbortedError(str(error)) from None
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > until:
                    self._fail(error)
                time.sleep(0.05)
            else:
                return

    def _replace(self) -> None:
        """A new producer under the same id: by starting, it ends what the former one left open."""
        self._producer = Producer(self._options)
        self.start()

    def _fail(self, error: KafkaException) -> None:
        reason = error.args[0]
        if reason.fatal():
            self.open = False
            raise FencedError(f"fenced: {reason.str()}") from None
        self.abort()
        raise TransactionAbortedError(reason.str()) from None


def _away(reason: KafkaError) -> bool:
    return reason.code() in (
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.CONCURRENT_TRANSACTIONS,
    )
