"""Rows become exact again by themselves after Milvus, or a worker, goes away (rules 2, 6 and 9)."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from pymilvus import MilvusClient

from deploy.stack.milvus import MilvusServer
from streaming.documents import HEARTBEAT_KEY
from streaming.kafka.config import admin_options
from streaming.kafka.transactions import TransactionalProducer
from streaming.partition import partition_of
from streaming.settings import Settings, SpaceSettings
from tests.integration.conftest import Spawn
from tests.integration.space.asking import found_right, passes_of
from tests.integration.space.world import START_S, World
from tests.support import until

PASS_S = 6.0


@pytest.fixture
def world(ensured: Settings, milvus: MilvusServer, rng: random.Random) -> World:
    """A space with users and items; the reconciler's pass is short."""
    quick = ensured.model_copy(update={"space": SpaceSettings(reconcile_interval_s=PASS_S)})  # type: ignore[call-arg]
    world = World(quick, rng)
    world.change_something(300)
    return world


def test_milvus_away_for_ten_seconds_costs_nothing(world: World, milvus: MilvusServer, spawn: Spawn) -> None:
    worker = spawn("space", world.id, world.settings)
    world.becomes_exact(START_S)
    milvus.stop()
    world.change_something(150)
    time.sleep(10)
    assert worker.running
    assert "do not" not in worker.text()
    milvus.start()
    milvus.wait_healthy()
    world.becomes_exact(15)


def test_wiped_milvus_is_filled_again(world: World, milvus: MilvusServer, spawn: Spawn) -> None:
    spawn("space", world.id, world.settings)
    world.becomes_exact(START_S)
    milvus.kill9()
    shutil.rmtree(milvus.data)
    milvus.start()
    milvus.wait_healthy()
    client = world.client()
    assert world.space.users_collection not in client.list_collections() or world.problems()
    client.close()
    world.becomes_exact(2 * PASS_S + 10)


def test_rows_changed_behind_our_back_are_mended_within_a_pass(world: World, spawn: Spawn) -> None:
    spawn("space", world.id, world.settings)
    world.becomes_exact(START_S)
    # what a start repairs is repaired: from here on only the rolling comparison can find anything
    address = until(lambda: found_right(world), START_S, what="every row found right")
    before = passes_of(world, address)
    users, items = sorted(world.users)[:6], sorted(world.vectors)[:4]
    client = world.client()
    damage_users(world, client, users)
    damage_items(world, client, items)
    client.close()
    world.becomes_exact(2 * PASS_S + 10)
    after = passes_of(world, address)
    # the damage was there: it was found, not prevented
    for kind, rows in (("users", 4), ("items", 2)):
        assert after["repaired"][kind] - before["repaired"][kind] >= rows
        assert after["orphans"][kind] - before["orphans"][kind] == 1


def damage_users(world: World, client: MilvusClient, users: list[str]) -> None:
    """Three rows go, one is changed, one is there for nobody."""
    collection = world.space.users_collection
    quoted = ", ".join(f'"{u}"' for u in users[:3])
    client.delete(collection, filter=f"user_id in [{quoted}]")
    row = client.query(collection, filter=f'user_id == "{users[3]}"', output_fields=["*"])[0]
    client.upsert(collection, [row | {"vector": [9.0] * 16, "digest": 1}])
    client.upsert(collection, [row | {"user_id": "nobody"}])


def damage_items(world: World, client: MilvusClient, items: list[str]) -> None:
    """One row is changed, one is there for no film, one goes."""
    collection = world.space.items_collection
    film = client.query(collection, filter=f'item_id == "{items[0]}"', output_fields=["*"])[0]
    client.upsert(collection, [film | {"vector": [9.0] * 16, "digest": 1}])
    client.upsert(collection, [film | {"item_id": "m:none"}])
    client.delete(collection, filter=f'item_id in ["{items[1]}"]')


def test_records_lost_before_they_are_read_cost_no_others(world: World, spawn: Spawn) -> None:
    """As after an unclean election; a hanging transaction holds the worker where it is meanwhile."""
    worker = spawn("space", world.id, world.settings)
    world.becomes_exact(START_S)
    users, vectors = world.names.users, world.names.vectors(world.id)
    users_in, items_in = world.settings.topics.ratings_partitions, world.settings.topics.items_partitions

    admin = AdminClient(admin_options(world.settings))

    def clean_by(topic: str, policy: str) -> None:
        entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result(10)

    def lose(topic: str, partition: int, change: Callable[[], None]) -> None:
        # Kafka deletes nothing by request where a topic is compacted only
        clean_by(topic, "compact,delete")
        hanging = TransactionalProducer(world.settings, f"{world.settings.namespace}.hanging", "hanging")
        hanging.start()
        hanging.begin()
        hanging.produce(topic, None, HEARTBEAT_KEY, partition=partition)
        hanging._producer.flush()
        change()
        world.flush()
        place = TopicPartition(topic, partition, -1)
        admin.delete_records([place])[place].result(10)
        hanging.commit([], None)
        clean_by(topic, "compact")

    part = partition_of("u1", users_in)
    lose(users, part, lambda: world.put_user("u1", {"m:1": 5.0}))
    world.users = {u: r for u, r in world.users.items() if partition_of(u, users_in) != part}
    until(lambda: "users cannot be read" in worker.text(), 20, what="the fault hit")
    world.put_user("u1", {"m:2": 4.0})
    world.flush()
    world.becomes_exact(2 * PASS_S + 10)
    assert worker.running

    part = partition_of("m:1", items_in)
    lose(vectors, part, lambda: world.put_item("m:1"))
    world.vectors = {i: v for i, v in world.vectors.items() if partition_of(i, items_in) != part}
    until(lambda: not worker.running, 20, what="the worker ends, to load anew")
    assert "cannot be read on" in worker.text()
    worker.restart()
    world.put_item("m:1")
    world.flush()
    world.becomes_exact(START_S)


def test_two_workers_share_the_partitions_and_one_takes_over_from_the_other(
    world: World, spawn: Spawn
) -> None:
    first = spawn("space", world.id, world.settings, instance="0")
    world.becomes_exact(START_S)
    second = spawn("space", world.id, world.settings, instance="1")
    until(lambda: "documents loaded" in second.text(), 20, what="the second worker owns partitions")
    world.change_something(150)
    world.becomes_exact(15)
    began = time.monotonic()
    assert first.terminate(5.0) == 0
    world.change_something(150)
    world.becomes_exact(15)
    assert time.monotonic() - began < 20
    second.kill9()
    first.restart()
    world.change_something(50)
    world.becomes_exact(25)


def test_a_stopped_worker_that_comes_back_late_leaves_no_stale_row(world: World, spawn: Spawn) -> None:
    first = spawn("space", world.id, world.settings, instance="0")
    world.becomes_exact(START_S)
    first.send(signal.SIGSTOP)
    world.change_something(50)
    second = spawn("space", world.id, world.settings, instance="1")
    until(lambda: "documents loaded" in second.text(), 30, what="the second worker took over")
    world.change_something(100)
    world.becomes_exact(15)
    first.send(signal.SIGCONT)
    world.change_something(100)
    world.becomes_exact(2 * PASS_S + 10)
    until(lambda: "last poll is too old" in first.text() or "documents loaded" in first.text(), 10)
