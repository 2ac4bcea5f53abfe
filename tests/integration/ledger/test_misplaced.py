"""Users sent by a producer with another partitioner."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime

from confluent_kafka import Producer

from streaming.documents import decode_user
from streaming.kafka.config import producer_options
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames
from tests.integration.conftest import Spawn
from tests.integration.ledger.status import PARTITIONS
from tests.integration.ledger.traffic import Traffic, wait_folded
from tests.integration.ledger.verify import check, compacted, log_records

USERS = [f"elsewhere-{number}" for number in range(20)]
FILMS = [f"ml:{number}" for number in range(10)]


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def test_users_of_another_partitioner_are_forwarded_once_and_erased(
    ensured: Settings, spawn: Spawn, rng: random.Random
) -> None:
    names = TopicNames(ensured.namespace)
    producer = Producer(producer_options(ensured, "elsewhere"))

    def send(user: str, home: bool, **event: object) -> None:
        right = partition_of(user, PARTITIONS)
        wrong = (right + rng.randrange(1, PARTITIONS)) % PARTITIONS
        value = json.dumps({"user_id": user, **event})
        producer.produce(names.ratings, value, user, partition=right if home else wrong)

    def ours(topic: str) -> dict[str, bytes]:
        return {user: value for user, value in compacted(ensured, topic).items() if user in USERS}

    ledger = spawn("ledger", ensured)
    rated_at = time.time() - 1
    with Traffic(ensured, rng):
        for user in USERS:
            for film in FILMS:
                send(user, False, item_id=film, value=4.0, event_time=at(rated_at))
        producer.flush()
        time.sleep(1)
        # a kill between must not forward them twice
        ledger.kill9()
        ledger.restart()
    wait_folded(ensured)
    documents = ours(names.users)
    assert documents.keys() == set(USERS)
    assert all(decode_user(value).keys() == set(FILMS) for value in documents.values())
    forwarded = [
        (record.partition, json.loads(record.value or b"")["user_id"])
        for record in log_records(ensured)
        if any(name == "marquee-from" for name, _ in record.headers)
    ]
    mine = sorted(user for _, user in forwarded if user in USERS)
    assert mine == sorted(USERS * len(FILMS)), "not forwarded exactly once"
    assert all(partition == partition_of(user, PARTITIONS) for partition, user in forwarded)
    for user in USERS:
        send(user, True, erase=True, event_time=at(time.time()))
    producer.flush()
    wait_folded(ensured)
    for user in USERS:
        send(user, False, item_id="ml:1", value=5.0, event_time=at(rated_at))
    producer.flush()
    check(ensured)
    assert not ours(names.users), "an erased user came back"
