"""User and item rows are exact (DESIGN section 4, rules 2 and 3), on real Kafka and Milvus."""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
import pytest
from confluent_kafka.admin import AdminClient

from streaming.internal import call_url
from streaming.kafka.config import admin_options
from streaming.kafka.owners import owners
from streaming.milvus.client import MilvusStore
from streaming.settings import Settings
from tests.integration.conftest import Spawn
from tests.integration.space.asking import found_right, passes_of
from tests.integration.space.world import DIM, START_S, World
from tests.support import until


@pytest.fixture
def world(ensured: Settings, milvus: object, rng: random.Random) -> World:
    """A space with items and users already in Kafka."""
    world = World(ensured, rng)
    world.change_something(400)
    return world


def test_rows_become_exact_from_nothing_and_stay_so_through_every_kind_of_change(
    world: World, spawn: Spawn
) -> None:
    spawn("space", world.id, world.settings)
    world.becomes_exact(START_S)
    for _ in range(5):
        world.change_something(100)
        # rule 2 says one second; the check itself and a busy machine take their share
        world.becomes_exact(5)


def test_a_like_joins_when_its_late_item_arrives_and_leaves_when_it_is_removed(
    world: World, spawn: Spawn
) -> None:
    spawn("space", world.id, world.settings)
    world.put_user("late", {"m:late": 5.0})
    world.flush()
    world.becomes_exact(START_S)
    for change in (
        lambda: world.put_item("m:late"),
        lambda: world.put_item("m:late", np.full(DIM, 7, dtype=np.float32)),
        lambda: world.remove_item("m:late"),
        lambda: world.put_item("m:late"),
    ):
        change()
        world.flush()
        world.becomes_exact(5)


def test_a_killed_worker_comes_back_and_mends_what_happened_meanwhile(world: World, spawn: Spawn) -> None:
    worker = spawn("space", world.id, world.settings)
    world.becomes_exact(START_S)
    world.change_something(50)
    worker.kill9()
    world.change_something(200)
    assert world.problems(), "nothing was left for the restarted worker to do"
    worker.restart()
    world.becomes_exact(START_S)
    assert worker.running
    assert worker.terminate(3.0) == 0
    assert until(lambda: not worker.running, 1)


def test_a_restart_without_changes_writes_no_row(world: World, spawn: Spawn) -> None:
    """Not even for a moment: profiles from half the vectors would be wrong until the rest is loaded."""
    for n in range(30_000):
        world.put_item(f"bulk:{n}", world.vectors.get("bulk:0"))
    for n in range(50):
        world.put_user(f"last{n}", {f"bulk:{29_000 + n}": 5.0})
    world.flush()
    worker = spawn("space", world.id, world.settings)
    world.becomes_exact(90)
    before = written(world)
    # it leaves its group, so that users come to the next one at once: vectors take longer
    assert worker.terminate(3.0) == 0
    worker.restart()
    until(lambda: found_right(world), 60, what="everything compared")
    after = written(world)
    changed = [user for user in before.keys() | after.keys() if before.get(user) != after.get(user)]
    assert not changed, f"rows written although nothing had changed: {len(changed)} of {len(before)}"


def written(world: World) -> dict[str, int]:
    """When each user's row was computed."""
    client = world.client()
    rows = world.rows(
        client, world.space.users_collection, "user_id", world.settings.topics.ratings_partitions
    )
    client.close()
    return {user: row["updated_at"] for user, row in rows.items()}


def test_a_new_generation_is_filled_and_the_old_one_dropped(world: World, spawn: Spawn) -> None:
    worker = spawn("space", world.id, world.settings)
    world.becomes_exact(START_S)
    old = world.space.users_collection
    world.rewrite_space(generation=2)
    assert world.space.users_collection != old
    world.change_something(50)
    world.becomes_exact(15)
    client = world.client()
    until(lambda: old not in client.list_collections(), 30, what="the old collection is dropped")
    client.close()
    world.becomes_exact(5)
    assert worker.running


def test_who_is_erased_while_a_new_generation_is_filled_leaves_the_old_one_too(
    world: World, spawn: Spawn
) -> None:
    spawn("space", world.id, world.settings)
    world.becomes_exact(START_S)
    former = world.space.users_collection
    gone, stays = sorted(world.users)[:2]
    world.rewrite_space(generation=2, generation_at_ms=int(time.time() * 1000))
    store = MilvusStore(world.settings)
    assert store.user_of(world.space, gone) is not None
    world.remove_user(gone)
    world.flush()
    until(lambda: store.user_of(world.space, gone) is None, 20, what="neither collection has him")
    # the old collection is still there: it went on to answer for the others
    assert store.get_user(former, stays) is not None
    store.close()


def test_a_worker_ends_when_its_space_is_retired_or_unknown(world: World, spawn: Spawn) -> None:
    worker = spawn("space", world.id, world.settings)
    world.becomes_exact(START_S)
    world.rewrite_space(state="retired")
    assert until(lambda: not worker.running, 10)
    assert worker.process.returncode == 0
    unknown = spawn("space", "nobody-1-mean-000000", world.settings)
    assert until(lambda: not unknown.running, 30)
    assert unknown.process.returncode == 5


def test_the_internal_endpoint_tells_and_reconciles(world: World, spawn: Spawn) -> None:
    spawn("space", world.id, world.settings)
    world.becomes_exact(START_S)
    topics = world.settings.topics
    admin = AdminClient(admin_options(world.settings))
    (owner,) = set(owners(admin, world.names.projector_group(world.id), world.names.users).values())

    def status() -> dict[str, Any]:
        body: dict[str, Any] = call_url(world.settings, owner.address, "GET", "/status").body
        return body

    told = until(lambda: status() if all(status()["last_clean_ms"].values()) else None, 20)
    assert len(told["users"]) == topics.ratings_partitions
    assert sum(u["users"] for u in told["users"].values()) == len(world.users)
    assert told["indexer"]["partitions"] == list(range(topics.items_partitions))
    until(lambda: set(status()["lag"].values()) == {0}, 10, what="no lag")
    client = world.client()
    user = min(world.users)
    client.delete(world.space.users_collection, filter=f'user_id in ["{user}"]')
    client.close()
    reply = call_url(world.settings, owner.address, "POST", "/reconcile", {"users": [user]})
    assert (reply.status, reply.body["not_owned"]) == (202, {"users": [], "items": []})
    world.becomes_exact(5)
    number = call_url(world.settings, owner.address, "POST", "/reconcile", {"all": True}).body["pass"]
    passes = until(lambda: p if (p := passes_of(world, owner.address))["finished"] >= number else None, 20)
    assert passes["orphans"] == {"users": 0, "items": 0}
