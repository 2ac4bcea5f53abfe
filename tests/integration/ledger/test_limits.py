"""Lost records, idle partitions, a full disk, a wrong key: what a ledger does when it cannot just go on."""

from __future__ import annotations

import random
import signal
import time

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from deploy.stack.unread import unread
from streaming.documents import HEARTBEAT_KEY
from streaming.kafka.config import admin_options
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.kafka.transactions import TransactionalProducer
from streaming.settings import Settings
from streaming.topics import TopicNames, fixed_topics
from streaming.topics.admin import ensure
from tests.integration.conftest import Spawn
from tests.integration.ledger.status import PARTITIONS, all_ready, ledger_status, ready
from tests.integration.ledger.traffic import Traffic, wait_folded
from tests.integration.ledger.verify import check
from tests.support import until


def test_records_that_expired_unread_stop_their_partition_until_the_loss_is_accepted(
    ensured: Settings, spawn: Spawn, rng: random.Random
) -> None:
    names = TopicNames(ensured.namespace)
    ledger = spawn("ledger", ensured)
    traffic = Traffic(ensured, rng)
    traffic.burst(500)
    wait_folded(ensured)
    ledger.terminate()
    traffic.burst(500)
    admin = AdminClient(admin_options(ensured))
    admin.delete_records([TopicPartition(names.ratings, 3, -1)])[TopicPartition(names.ratings, 3)].result(10)
    ledger.restart()
    until(lambda: len(ready(ensured, "0")) == PARTITIONS - 1, 30)
    stopped = ledger_status(ensured, "0")["partitions"]["3"]
    assert stopped["phase"] == "stopped"
    assert "--accept-loss" in stopped["reason"]
    # what `marquee stack status` makes of it
    (line,) = unread(ledger_status(ensured, "0"))
    assert line.startswith("partition 3 of the ratings: ")
    assert line.endswith("--accept-loss to go on without them")
    ledger.terminate()
    spawn("ledger", "--accept-loss", ensured)
    until(lambda: all_ready(ensured, "0"), 30)


def test_a_partition_whose_log_expires_while_it_is_read_is_read_on_where_the_loss_is_accepted(
    ensured: Settings, spawn: Spawn, rng: random.Random
) -> None:
    names = TopicNames(ensured.namespace)
    ledger = spawn("ledger", "--accept-loss", ensured)
    traffic = Traffic(ensured, rng)
    traffic.burst(500)
    wait_folded(ensured)
    # an open transaction holds the ledger where it is, while everything up to the end is deleted
    hanging = TransactionalProducer(ensured, f"{ensured.namespace}.hanging", "hanging")
    hanging.start()
    hanging.begin()
    hanging.produce(names.ratings, None, HEARTBEAT_KEY, partition=3)
    hanging._producer.flush()
    traffic.burst(500)
    admin = AdminClient(admin_options(ensured))
    admin.delete_records([TopicPartition(names.ratings, 3, -1)])[TopicPartition(names.ratings, 3)].result(10)
    hanging.commit([], None)
    # what librdkafka says to a seek, with and without the protection
    until(lambda: any(said in ledger.text() for said in ("seek refused", "assigned anew")), 30)
    traffic.burst(500)
    wait_folded(ensured, 30)


def test_idle_partitions_get_heartbeats_and_folding_goes_on(
    settings: Settings, spawn: Spawn, rng: random.Random
) -> None:
    topics = settings.topics.model_copy(update={"segment_ms": 2_000})
    quick = settings.model_copy(update={"topics": topics})
    ensure(quick, fixed_topics(quick))
    spawn("ledger", quick)
    traffic = Traffic(quick, rng, users=200)
    traffic.burst(500)
    wait_folded(quick)
    names = TopicNames(quick.namespace)
    beats: dict[str, int] = {}

    def count() -> bool:
        beats.clear()
        for topic in (names.ratings, names.users):
            read_to_end(
                quick,
                {(topic, n): BEGINNING for n in range(PARTITIONS)},
                lambda m, t=topic: beats.update({t: beats.get(t, 0) + (m.key() == HEARTBEAT_KEY)}),  # type: ignore[misc]
            )
        return all(beats.get(topic, 0) >= PARTITIONS for topic in (names.ratings, names.users))

    until(count, 40, interval_s=1)
    traffic.burst(500)
    check(quick)


def test_without_a_usable_state_directory_memory_holds_the_documents(
    ensured: Settings, spawn: Spawn, rng: random.Random
) -> None:
    state = ensured.home / "state" / "ledger-0"
    state.mkdir(parents=True)
    for number in range(PARTITIONS):
        # a directory where the store should be: it can neither be opened nor made
        (state / f"users-{number}.sqlite").mkdir()
    spawn("ledger", ensured)
    traffic = Traffic(ensured, rng)
    traffic.burst(1_000)
    until(lambda: all_ready(ensured, "0"), 30)
    assert ledger_status(ensured, "0")["partitions"]["0"]["store_error"]
    time.sleep(3)
    traffic.burst(1_000)
    check(ensured)
    for number in range(PARTITIONS):
        (state / f"users-{number}.sqlite").rmdir()
    until(lambda: not ledger_status(ensured, "0")["partitions"]["0"]["store_error"], 30)
    traffic.burst(500)
    check(ensured)


def test_another_erasure_key_stops_partitions_with_erased_users(ensured: Settings, spawn: Spawn) -> None:
    ledger = spawn("ledger", ensured)
    Traffic(ensured, random.Random(1), users=50).burst(1_000)
    wait_folded(ensured)
    ledger.terminate()
    erasure = ensured.erasure.model_copy(update={"key": SecretStr("another"), "key_id": "2"})
    spawn("ledger", ensured.model_copy(update={"erasure": erasure}), instance="b")
    found = until(
        lambda: (
            (s := ledger_status(ensured, "b").get("partitions"))
            and all(p["phase"] in ("ready", "stopped") for p in s.values())
            and s
        ),
        30,
    )
    assert any("erased under key '1'" in partition["reason"] for partition in found.values())


def test_a_stopped_and_continued_ledger_harms_nothing(
    ensured: Settings, spawn: Spawn, rng: random.Random
) -> None:
    first = spawn("ledger", ensured, instance="a")
    until(lambda: all_ready(ensured, "a"), 30)
    with Traffic(ensured, rng):
        time.sleep(1 + rng.random())
        first.send(signal.SIGSTOP)
        spawn("ledger", ensured, instance="b")
        until(lambda: all_ready(ensured, "b"), 40)
        time.sleep(1)
        first.send(signal.SIGCONT)
        time.sleep(4)
    check(ensured)
