"""Faults at places that random kills seldom hit; each shows that it was hit."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from confluent_kafka import Message

from streaming.documents import HEARTBEAT_KEY, decode_user
from streaming.kafka.exceptions import TransactionAbortedError
from streaming.kafka.transactions import TransactionalProducer
from streaming.ledger.process import Ledger
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames
from tests.faults.launcher import switch_off
from tests.faults.protections import VARIABLE
from tests.integration.conftest import Spawn
from tests.integration.ledger.status import PARTITIONS, address_of, all_ready, ask, ledger_status, ready
from tests.integration.ledger.traffic import Traffic, wait_folded
from tests.integration.ledger.verify import check, compacted, differences
from tests.support import until


@pytest.fixture(autouse=True, scope="module")
def _mutated() -> None:
    """Ledgers of this file run in this process too."""
    if name := os.environ.get(VARIABLE):
        switch_off(name)


class HeldLedger(Ledger):
    """A ledger that is stopped between folding a batch and its transaction, when ``hold`` is set.

    Once ``go_on`` is set it polls for eight seconds, its partitions paused: it is a member of the group
    again, of a newer generation, when it commits what it folded as their owner.
    """

    def __init__(self, settings: Settings, instance: str) -> None:
        super().__init__(settings, instance)
        self.hold, self.held, self.go_on = threading.Event(), threading.Event(), threading.Event()
        self.outcome: Exception | None = None
        self.committed = False

    def _connect(self, address: str) -> None:
        super()._connect(address)
        begin = self._producer.begin

        def begin_late() -> None:
            if self.held.is_set() and not self.go_on.is_set():
                self.go_on.wait()
                self._consumer.pause(self._consumer.assignment())
                until_s = time.monotonic() + 8
                while time.monotonic() < until_s:
                    message = self._consumer.poll(0.1)
                    # being put out of the group is told as an error; records must not come
                    assert message is None or message.error() is not None
            begin()

        self._producer.begin = begin_late  # type: ignore[method-assign]

    def _transact(self, messages: Sequence[Message], metadata: object) -> None:
        in_hand = bool(messages) and self.hold.is_set()
        if in_hand:
            self.hold.clear()
            self.held.set()
        try:
            super()._transact(messages, metadata)
        except Exception as error:
            self.outcome = error if in_hand else self.outcome
            raise
        self.committed |= in_hand


@pytest.fixture
def slow_poll(ensured: Settings) -> Settings:
    """Who does not poll for four seconds is put out of the group."""
    return ensured.model_copy(
        update={"session": ensured.session.model_copy(update={"max_poll_interval_ms": 4_000})}
    )


@pytest.fixture
def held(slow_poll: Settings) -> Iterator[HeldLedger]:
    ledger = HeldLedger(slow_poll, "a")
    thread = threading.Thread(target=ledger.run)
    thread.start()
    yield ledger
    ledger.stop()
    ledger.go_on.set()
    thread.join(20)
    assert not thread.is_alive()


def test_the_commit_of_a_batch_that_another_has_committed_is_refused(
    slow_poll: Settings, held: HeldLedger, spawn: Spawn, rng: random.Random
) -> None:
    until(lambda: all_ready(slow_poll, "a"), 30)
    traffic = Traffic(slow_poll, rng, users=20)
    traffic.burst(500)
    wait_folded(slow_poll)
    held.hold.set()
    traffic.burst(100)
    assert held.held.wait(10)
    # put out of the group, its partitions go to another, who folds its batch and more
    spawn("ledger", slow_poll, instance="b")
    until(lambda: all_ready(slow_poll, "b"), 40)
    traffic.burst(500)
    check(slow_poll)
    held.go_on.set()
    until(lambda: held.committed or held.outcome, 40)
    # at once: a stale commit also winds the offsets back, so that folding again would mend some of it
    found = differences(slow_poll)
    assert not found, f"what another had folded was overwritten: {len(found)} differences: {found[:3]}"
    assert isinstance(held.outcome, TransactionAbortedError), held.outcome or "it was committed"
    check(slow_poll)


def test_a_take_over_waits_out_a_hanging_transaction(
    ensured: Settings, spawn: Spawn, rng: random.Random
) -> None:
    names = TopicNames(ensured.namespace)
    traffic = Traffic(ensured, rng, users=40)
    hanging = TransactionalProducer(
        ensured.model_copy(
            update={"session": ensured.session.model_copy(update={"transaction_timeout_ms": 60_000})}
        ),
        f"{ensured.namespace}.hanging",
        "hanging",
    )
    hanging.start()
    hanging.begin()
    for number in range(ensured.topics.ratings_partitions):
        hanging.produce(names.users, None, HEARTBEAT_KEY, partition=number)
    hanging._producer.flush()
    ledger = spawn("ledger", ensured)
    time.sleep(1)
    try:
        # its documents are committed behind the hanging transaction: no reader of committed records sees them
        until(lambda: ledger_status(ensured, "0").get("partitions"), 30)
        time.sleep(3)
        assert not ready(ensured, "0"), "the take-over did not wait"
    finally:
        hanging.commit([], None)
    until(lambda: all_ready(ensured, "0"), 30)
    traffic.burst(1_000)
    wait_folded(ensured)
    hanging.begin()
    for number in range(ensured.topics.ratings_partitions):
        hanging.produce(names.users, None, HEARTBEAT_KEY, partition=number)
    hanging._producer.flush()
    traffic.burst(1_000)
    wait_folded(ensured)
    ledger.kill9()
    shutil.rmtree(ensured.home / "state")
    ledger.restart()
    traffic.burst(1_000)
    time.sleep(6)
    hanging.commit([], None)
    check(ensured)


def test_the_internal_endpoint_gives_documents_and_says_who_owns_them(
    ensured: Settings, spawn: Spawn, rng: random.Random
) -> None:
    spawn("ledger", ensured, instance="a")
    Traffic(ensured, rng, users=30).burst(1_000)
    until(lambda: all_ready(ensured, "a"), 30)
    wait_folded(ensured)
    users = compacted(ensured, TopicNames(ensured.namespace).users)
    address = address_of(ensured, "a")
    assert address is not None
    for user, value in users.items():
        body = ask(ensured, address, f"/users/{user}").json()
        assert body["ratings"] == {item: list(rating) for item, rating in decode_user(value).items()}
        assert body["partition"] == partition_of(user, PARTITIONS)
    assert ask(ensured, address, "/users/nobody").status_code == 404
    assert "marquee_ledger_events_total" in ask(ensured, address, "/metrics").text
    spawn("ledger", ensured, instance="b")
    until(lambda: all_ready(ensured, "a", "b"), 30)
    answers = {ask(ensured, address, f"/users/{user}").status_code for user in users}
    assert answers == {200, 421}
