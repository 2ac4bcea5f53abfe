"""Reading to the end, transactions and owners on a real broker."""

from __future__ import annotations

import threading
import time

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.config import consumer_options
from streaming.kafka.exceptions import FencedError, KafkaUnavailableError, TransactionAbortedError
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.kafka.offsets import source_ranges
from streaming.kafka.owners import client_id, members, owners
from streaming.kafka.transactions import TransactionalProducer
from streaming.settings import Settings
from streaming.topics import TopicNames
from tests.support import until


@pytest.fixture
def place(ensured: Settings) -> tuple[str, int]:
    return TopicNames(ensured.namespace).users, 0


def producer(settings: Settings, name: str = "x") -> TransactionalProducer:
    made = TransactionalProducer(settings, f"{settings.namespace}.{name}", "test")
    made.start()
    return made


def values(settings: Settings, place: tuple[str, int], start: int = BEGINNING) -> list[bytes | None]:
    found: list[Message] = []
    read_to_end(settings, {place: start}, found.append, timeout_s=20)
    return [message.value() for message in found]


def write(made: TransactionalProducer, place: tuple[str, int], value: bytes) -> None:
    made.begin()
    made.produce(place[0], value, "k", partition=place[1])


def test_an_empty_partition_is_at_its_end(ensured: Settings, place: tuple[str, int]) -> None:
    assert values(ensured, place) == []


def test_committed_records_are_read_and_aborted_ones_passed(
    ensured: Settings, place: tuple[str, int]
) -> None:
    made = producer(ensured)
    write(made, place, b"1")
    made.commit([], None)
    write(made, place, b"2")
    made.abort()
    assert values(ensured, place) == [b"1"]
    # from behind the last record on, where only the marker of the aborted transaction lies
    assert values(ensured, place, 3) == []


def test_an_open_transaction_is_waited_out(ensured: Settings, place: tuple[str, int]) -> None:
    made = producer(ensured)
    write(made, place, b"open")
    made._producer.flush()
    closer = threading.Timer(1.5, lambda: made.commit([], None))
    closer.start()
    began = time.monotonic()
    assert values(ensured, place) == [b"open"]
    assert time.monotonic() - began > 1
    closer.join()


def test_what_cannot_be_read_to_its_end_in_time_is_said(ensured: Settings, place: tuple[str, int]) -> None:
    made = producer(ensured)
    write(made, place, b"open")
    made._producer.flush()
    with pytest.raises(KafkaUnavailableError, match="to its end"):
        read_to_end(ensured, {place: BEGINNING}, lambda _: None, timeout_s=1)
    made.abort()


def test_a_second_producer_of_the_same_id_fences_the_first(ensured: Settings, place: tuple[str, int]) -> None:
    first = producer(ensured)
    write(first, place, b"1")
    first._producer.flush()
    producer(ensured)
    with pytest.raises((FencedError, TransactionAbortedError)):
        first.commit([], None)
    assert values(ensured, place) == []


def test_offsets_go_with_the_transaction_and_stale_metadata_is_refused(ensured: Settings) -> None:
    names = TopicNames(ensured.namespace)
    group = names.ledger_group
    options = consumer_options(ensured, group, client_id("ledger", "127.0.0.1:1", "a"))
    consumer = Consumer(options)
    consumer.subscribe([names.ratings])
    until(lambda: consumer.poll(0.1) or consumer.assignment(), 20)
    metadata = consumer.consumer_group_metadata()
    admin = OffsetAdmin(ensured)
    made = producer(ensured)
    place = (names.ratings, 0)
    assert source_ranges(admin, group, [place])[place].committed is None
    write(made, (names.users, 0), b"1")
    made.commit([TopicPartition(*place, 7)], metadata)
    assert source_ranges(admin, group, [place])[place].committed == 7
    owner = owners(admin, group, names.ratings).get(0)
    assert owner is not None
    assert (owner.address, owner.instance) == ("127.0.0.1:1", "a")
    assert len(members(admin, group)) == 1
    consumer.close()
    write(made, (names.users, 0), b"2")
    with pytest.raises(TransactionAbortedError):
        made.commit([TopicPartition(*place, 9)], metadata)
    assert source_ranges(admin, group, [place])[place].committed == 7
    assert values(ensured, (names.users, 0)) == [b"1"]
    admin.close()


def test_an_open_transaction_makes_committed_offsets_unstable(ensured: Settings) -> None:
    names = TopicNames(ensured.namespace)
    consumer = Consumer(consumer_options(ensured, names.ledger_group, "test"))
    consumer.subscribe([names.ratings])
    until(lambda: consumer.poll(0.1) or consumer.assignment(), 20)
    made = producer(ensured)
    made.begin()
    place = TopicPartition(names.ratings, 0, 7)
    made._producer.send_offsets_to_transaction([place], consumer.consumer_group_metadata())
    admin = OffsetAdmin(ensured)
    with pytest.raises(KafkaUnavailableError):
        source_ranges(admin, names.ledger_group, [(names.ratings, 0)], timeout_s=0.5)
    made._producer.commit_transaction()
    found = source_ranges(admin, names.ledger_group, [(names.ratings, 0)])
    assert found[names.ratings, 0].committed == 7
    consumer.close()
    admin.close()
