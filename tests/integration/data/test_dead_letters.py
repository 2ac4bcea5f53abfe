"""Refused records on a real broker: listed, shown, and sent again so that twice changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Producer

from deploy.checks.reading import Record, TopicReader
from deploy.data.dead_letters import dlq_topics, read_dead_letters, replay
from streaming.events import Item, RatingEvent, encode
from streaming.exceptions import NotFoundError
from streaming.kafka.config import producer_options
from streaming.kafka.dlq import dead_letter
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames
from tests.integration.conftest import Spawn
from tests.support import settings_env, until

RATING = RatingEvent(user_id="u", item_id="i", value=4.0, event_time=datetime(2020, 1, 1, tzinfo=UTC))
HEADERS = [
    ("ce_id", b"the-event"),
    ("ce_time", b"2020-01-01T00:00:00Z"),
    ("content-type", b"application/json"),
]


def produce(
    settings: Settings, topic: str, partition: int, key: str, value: bytes, headers: Any = None
) -> int:
    """One record; its offset."""
    offsets: list[int] = []
    producer = Producer(producer_options(settings, "test"))
    producer.produce(
        topic,
        value,
        key,
        partition=partition,
        headers=headers or [],
        on_delivery=lambda _, message: offsets.append(message.offset() or 0),
    )
    assert producer.flush(60) == 0
    return offsets[0]


def refuse(settings: Settings, topic: str, place: tuple[int, int], key: str, value: bytes, why: str) -> None:
    """A dead letter as the ledger or an indexer writes it."""
    names = TopicNames(settings.namespace)
    letter = dead_letter(names.dlq(topic), (topic, *place), key.encode(), value, HEADERS, why, 1_000)
    produce(settings, letter.topic, letter.partition, key, value, letter.headers)


def records(settings: Settings, topic: str, partitions: int) -> list[Record]:
    """All of a topic."""
    with TopicReader(settings, topic, range(partitions)) as reader:
        return list(reader.read_on())


def test_a_replay_keeps_bytes_and_headers_and_finds_the_right_partition(ensured: Settings) -> None:
    names, count = TopicNames(ensured.namespace), ensured.topics.ratings_partitions
    right = partition_of("u", count)
    refuse(ensured, names.ratings, ((right + 1) % count, 7), "u", encode(RATING), "was refused")
    # the same record refused twice is sent once
    refuse(ensured, names.ratings, ((right + 1) % count, 9), "u", encode(RATING), "was refused again")
    letters = list(read_dead_letters(ensured, dlq_topics(ensured, "ratings")))
    assert {letter.source_offset for letter in letters} == {7, 9}
    assert replay(ensured, letters, dry_run=True).sent == 1
    assert records(ensured, names.ratings, count) == []
    result = replay(ensured, letters)
    assert (result.selected, result.sent, result.repeated) == (2, 1, 1)
    (sent,) = records(ensured, names.ratings, count)
    assert (sent.partition, sent.key, sent.value) == (right, b"u", encode(RATING))
    assert sent.headers == HEADERS


def test_what_the_ledger_refused_is_folded_after_a_replay_and_twice_changes_nothing(
    ensured: Settings, spawn: Spawn
) -> None:
    names, count = TopicNames(ensured.namespace), ensured.topics.ratings_partitions
    right = partition_of("u", count)
    produce(ensured, names.ratings, right, "u", b'{"user_id": "u", "value": 9}')
    spawn("ledger", ensured)
    letters = until(lambda: list(read_dead_letters(ensured, dlq_topics(ensured, "ratings"))), 60)
    assert letters[0].place == f"{names.ratings}-{right}@0"
    refuse(ensured, names.ratings, (right, 7), "u", encode(RATING), "refused by mistake")

    def documents() -> list[Record]:
        return [r for r in records(ensured, names.users, count) if r.key == b"u"]

    for _ in range(2):
        replay(ensured, read_dead_letters(ensured, dlq_topics(ensured, "ratings")))
        written = until(documents, 30, what="the rating is folded")
    assert len({r.value for r in written}) == 1


def test_an_old_version_of_a_film_is_not_brought_back(ensured: Settings) -> None:
    names, parts = TopicNames(ensured.namespace), ensured.topics.items_partitions
    part = partition_of("x", parts)
    old, new = encode(Item("x", "Old")), encode(Item("x", "New"))
    offset = produce(ensured, names.items, part, "x", old)
    refuse(ensured, names.items, (part, offset), "x", old, "could not be encoded")
    letters = list(read_dead_letters(ensured, dlq_topics(ensured, "items")))
    assert replay(ensured, letters, dry_run=True).sent == 1
    produce(ensured, names.items, part, "x", new)
    result = replay(ensured, letters)
    assert (result.sent, result.superseded) == (0, 1)


def test_the_commands_list_show_and_replay(ensured: Settings) -> None:
    names = TopicNames(ensured.namespace)
    refuse(ensured, names.ratings, (3, 7), "u", b"\x1b[2Jnot json\xff", "cannot be decoded")

    def run(*words: str) -> tuple[int, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", "dlq", *words, "--json"],
            env={**os.environ, **settings_env(ensured)},
            capture_output=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout or b"null")

    code, listed = run("list")
    assert code == 0
    assert listed["reasons"] == [
        {"topic": names.dlq(names.ratings), "reason": "cannot be decoded", "count": 1}
    ]
    newest = listed["newest"][0]
    code, shown = run("show", "ratings", str(newest["partition"]), str(newest["offset"]))
    assert (code, shown["value"]) == (0, "\\x1b[2Jnot json\\xff")
    assert run("show", "ratings", "3", "99")[0] == 5
    code, replayed = run(
        "replay", "--topic", "ratings", "--partition", "3", "--offset", str(newest["offset"])
    )
    assert (code, replayed["sent"]) == (0, 1)


def test_a_topic_without_dlq_is_named(ensured: Settings) -> None:
    with pytest.raises(NotFoundError, match="no dead letters of nonsense"):
        dlq_topics(ensured, "nonsense")
