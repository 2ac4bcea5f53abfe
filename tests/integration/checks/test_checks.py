"""The checks on real Kafka, ledger, worker and Milvus: silent where all is right, exact where it is not."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.checks.items import ItemCheck
from deploy.checks.reading import quiet_admin
from deploy.checks.repair import repair, worker_addresses
from deploy.checks.traces import find_traces
from deploy.checks.users import UserCheck
from deploy.data.lag import wait_applied
from deploy.demo.counting import cutoffs
from streaming.documents import encode_user
from streaming.events import Item, RatingEvent, encode
from streaming.exceptions import UnavailableError
from streaming.kafka.config import admin_options, consumer_options, producer_options
from streaming.kafka.offsets import end_offsets
from streaming.partition import partition_of
from streaming.topics import TopicNames
from tests.integration.checks.conftest import USERS, Whole
from tests.support import settings_env, until

LONG = "user-to-be-forgotten"
"""Long enough that no file holds it by chance."""


def becomes_clean(whole: Whole) -> UserCheck:
    """The check once it finds nothing."""

    def clean() -> UserCheck | None:
        found = whole.check(5)
        rows = found.rows[whole.space.space]
        return found if found.log.clean and rows.clean else None

    found = until(clean, 60, what="a clean check")
    assert found is not None
    return found


def test_a_right_world_is_clean_also_while_ratings_go_on(whole: Whole) -> None:
    found = becomes_clean(whole)
    rows = found.rows[whole.space.space]
    assert (found.log.users, rows.users, rows.vectors) == (USERS, USERS, 40)
    assert found.log.records >= 3_000
    assert found.log.whole == found.log.partitions == whole.settings.topics.ratings_partitions
    assert 0 < rows.max_relative_error <= 1e-5
    assert ItemCheck(whole.settings, whole.space).run().clean
    for _ in range(5):
        # a check begins while the ledger still folds
        whole.rate(200)
        assert whole.check(10).log.clean


def owned(whole: Whole) -> bool:
    """Whether every partition has an owner whom one could ask."""
    try:
        return bool(worker_addresses(whole.settings, whole.space))
    except UnavailableError:
        return False


def damage_rows(whole: Whole) -> dict[str, str]:
    """One fault of each kind in Milvus; user or item of each."""
    store, space = whole.store, whole.space
    users = store.get_users(space.users_collection, [f"u{n}" for n in range(USERS)])
    liking = sorted(user_id for user_id, row in users.items() if row.n_liked)
    vector, seen, revision, missing = liking[:4]
    rows = [
        dataclasses.replace(users[vector], vector=(users[vector].vector * np.float32(1.001))),
        dataclasses.replace(users[seen], seen=users[vector].seen),
        dataclasses.replace(users[revision], revision=users[revision].revision - 1),
        dataclasses.replace(users[vector], user_id="ghost", part=partition_of("ghost", 12)),
    ]
    store.upsert_users(space.users_collection, rows)
    store.delete(space.users_collection, "user_id", [missing])
    items = store.get_items(space.items_collection, ["m:1", "m:2", "m:3"])
    bad = dataclasses.replace(items["m:1"], vector=items["m:1"].vector + np.float32(0.5))
    orphan = dataclasses.replace(items["m:3"], item_id="ghost", part=partition_of("ghost", 6))
    store.upsert_items(space.items_collection, [bad, orphan])
    store.delete(space.items_collection, "item_id", ["m:2"])
    until(lambda: store.get_user(space.users_collection, "ghost"), 10)
    until(lambda: not store.get_items(space.items_collection, ["m:2"]), 10)
    return {"vector": vector, "seen": seen, "revision": revision, "missing": missing}


def test_each_damage_is_found_and_the_owners_mend_it(whole: Whole) -> None:
    becomes_clean(whole)
    whole.worker.terminate()
    hit = damage_rows(whole)
    rows = whole.check().rows[whole.space.space]
    assert rows.stale == sorted([hit["vector"], hit["seen"], hit["revision"]])
    assert (rows.missing, rows.orphans) == ([hit["missing"]], ["ghost"])
    assert rows.max_relative_error > 1e-5
    films = ItemCheck(whole.settings, whole.space, 0.0).run()
    assert (films.differing, films.missing, films.orphans) == (["m:1"], ["m:2"], ["ghost"])
    whole.worker.restart()
    until(whole.worker.text, 10)

    until(lambda: owned(whole), 60, what="the restarted worker owns every partition", interval_s=0.5)
    done = repair(whole.settings, [whole.space], 60)
    assert done.clean, (done.log, done.users, done.items)


def test_a_wrong_document_is_found(whole: Whole) -> None:
    becomes_clean(whole)
    names, count = TopicNames(whole.settings.namespace), whole.settings.topics.ratings_partitions
    producer = Producer(producer_options(whole.settings, "test"))
    for user_id, ratings in (("u1", {"m:1": (5.0, 1)}), ("invented", {"m:1": (5.0, 1)})):
        value = encode_user(ratings)  # type: ignore[arg-type]
        producer.produce(names.users, value, user_id, partition=partition_of(user_id, count))
    assert producer.flush(60) == 0
    assert sorted(whole.check().log.differing) == ["invented", "u1"]


def test_a_film_without_vector_is_found_unless_the_dlq_explains_it(whole: Whole) -> None:
    names, parts = TopicNames(whole.settings.namespace), whole.settings.topics.items_partitions
    producer, places = Producer(producer_options(whole.settings, "test")), {}

    def note(error: object, message: object) -> None:
        assert error is None
        places[message.key().decode()] = message.offset()  # type: ignore[attr-defined]

    for film in ("lost", "refused"):
        part = partition_of(film, parts)
        producer.produce(names.items, encode(Item(film, film)), film, partition=part, on_delivery=note)
    assert producer.flush(60) == 0
    part = partition_of("refused", parts)
    headers = [("dlq-partition", str(part).encode()), ("dlq-offset", str(places["refused"]).encode())]
    producer.produce(names.dlq(names.items), b"x", "refused", partition=part, headers=headers)
    assert producer.flush(60) == 0
    found = ItemCheck(whole.settings, whole.space, 0.0).run()
    assert (found.without_vector, found.refused) == (["lost"], 1)
    # nothing encodes films here: the indexer has not come to it, and it is waited for while it goes on
    assert found.queued == ["lost"]
    whole.worker.terminate()
    group = names.indexer_group(whole.space.space)
    ends = end_offsets(quiet_admin(whole.settings), [(names.items, p) for p in range(parts)])
    consumer = Consumer(consumer_options(whole.settings, group, "test"))
    places = [TopicPartition(topic, p, end) for (topic, p), end in ends.items()]
    told: list[str] = []

    def tell(step: str) -> None:
        told.append(step)
        if told.count("still indexing: 1 film behind") == 2:
            consumer.commit(offsets=places, asynchronous=False)

    found = ItemCheck(whole.settings, whole.space, 0.1, tell, patient=True).run()
    consumer.close()
    assert "still indexing: 1 film behind" in told
    assert (found.without_vector, found.queued) == (["lost"], [])


def test_where_the_beginning_of_the_log_is_gone_what_is_left_must_change_nothing(whole: Whole) -> None:
    becomes_clean(whole)
    whole.erase("u7")
    whole.rate(100, users=5)
    wait_applied(whole.settings, [], 60)
    names, count = TopicNames(whole.settings.namespace), whole.settings.topics.ratings_partitions
    admin = AdminClient(admin_options(whole.settings))
    # half of each: partitions differ much in length, and beyond its end nothing can be deleted
    ends = end_offsets(admin, [(names.ratings, p) for p in range(count)])
    places = [TopicPartition(topic, p, end // 2) for (topic, p), end in ends.items()]
    for future in admin.delete_records(places).values():
        future.result(20)
    found = whole.check(10)
    assert found.log.whole == 0
    assert found.log.clean, found.log


def test_the_command_says_it_with_its_exit_code(whole: Whole) -> None:
    becomes_clean(whole)

    def run(*words: str) -> tuple[int, dict[str, object]]:
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", *words, "--json"],
            env={**os.environ, **settings_env(whole.settings)},
            capture_output=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout)

    code, report = run("profiles", "check")
    assert (code, report["clean"]) == (0, True)
    whole.worker.terminate()
    whole.store.delete(whole.space.users_collection, "user_id", ["u3"])
    code, report = run("profiles", "check", "--wait", "0")
    assert (code, report["clean"]) == (1, False)
    assert report["spaces"][0]["missing_ids"] == ["u3"]  # type: ignore[index]
    assert run("items", "check")[0] == 0


@pytest.mark.parametrize("user_id", [LONG, "m:2"], ids=["a user", "one who is called as a film is"])
def test_what_is_left_of_an_erased_user_ends_by_itself(whole: Whole, user_id: str) -> None:
    becomes_clean(whole)
    producer = Producer(producer_options(whole.settings, "test"))
    at = datetime(2020, 1, 1, tzinfo=UTC)
    whole.produce(producer, RatingEvent(user_id=user_id, item_id="m:1", value=5.0, event_time=at))
    assert producer.flush(60) == 0
    collection = whole.space.users_collection
    until(lambda: whole.store.get_user(collection, user_id), 60, what="his row")
    before = find_traces(whole.settings, user_id)
    assert any(trace.ends is None for trace in before.traces)
    whole.erase(user_id)
    wait_applied(whole.settings, [], 60)
    until(lambda: whole.store.get_user(collection, user_id) is None, 20, what="the row is gone")

    def ending() -> bool:
        # the ledger's local store follows its commit within two seconds
        return find_traces(whole.settings, user_id).all_end

    until(ending, 60, what="every trace ends", interval_s=1.0)
    assert find_traces(whole.settings, user_id).traces
    # what `make demo` passes over
    cut = cutoffs(whole.settings)
    assert cut(user_id) > at.timestamp() * 1000
    assert cut("nobody") == -1
    assert whole.check(10).log.clean
