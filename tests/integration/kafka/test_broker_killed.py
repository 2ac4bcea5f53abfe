"""The broker is killed within a transaction: its producer gets over it, however its client library does."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Consumer, TopicPartition

from deploy.stack.kafka import KafkaBroker
from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.config import consumer_options
from streaming.kafka.exceptions import FencedError, TransactionAbortedError
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.kafka.offsets import source_ranges
from streaming.kafka.transactions import TransactionalProducer
from streaming.settings import Settings
from streaming.topics import TopicNames
from tests.support import until


@pytest.mark.timeout(180)
@pytest.mark.parametrize("transaction_timeout_ms", [5_000, pytest.param(40_000, marks=pytest.mark.full)])
def test_offsets_sent_to_a_dead_broker_do_not_hold_the_producer_up(
    kafka: KafkaBroker, ensured: Settings, transaction_timeout_ms: int
) -> None:
    """``send_offsets_to_transaction`` may never return then (librdkafka issue 5456)."""
    session = ensured.session.model_copy(update={"transaction_timeout_ms": transaction_timeout_ms})
    ensured = ensured.model_copy(update={"session": session})
    names = TopicNames(ensured.namespace)
    group, place = names.ledger_group, (names.ratings, 0)
    consumer = Consumer(consumer_options(ensured, group, "test"))
    consumer.subscribe([names.ratings])
    until(lambda: consumer.poll(0.1) or consumer.assignment(), 20)
    made = TransactionalProducer(ensured, f"{ensured.namespace}.killed", "test")
    made.start()
    made.begin()
    made.produce(names.users, b"void", "k", partition=0)
    made._producer.flush()
    with ThreadPoolExecutor(1) as other:
        kafka.kill9()
        try:
            ended = other.submit(made.commit, [TopicPartition(*place, 7)], consumer.consumer_group_metadata())
            time.sleep(6)
            assert not ended.done(), "somebody answered for a dead broker"
        finally:
            kafka.start()
            kafka.wait_healthy()
        try:
            # an answer within its attempts, or the call is given up and the id taken over
            ended.result(90)
            committed = True
        except TransactionAbortedError:
            committed = False
        except FencedError:
            # the broker ended the transaction meanwhile: the process would end, and begin anew
            committed = False
            made = TransactionalProducer(ensured, f"{ensured.namespace}.killed", "test")
            made.start()
    admin = OffsetAdmin(ensured)
    found = source_ranges(admin, group, [place])[place].committed
    # the client may have come through in the end: then offsets and records count, else neither
    assert found == (7 if committed else None)
    made.begin()
    made.produce(names.users, b"counts", "k", partition=0)
    made.commit([], None)
    values: list[bytes | None] = []
    read_to_end(ensured, {(names.users, 0): BEGINNING}, lambda m: values.append(m.value()), timeout_s=30)
    assert values == ([b"void", b"counts"] if committed else [b"counts"])
    consumer.close()
    admin.close()
