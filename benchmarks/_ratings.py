"""Workloads of ratings for benchmarks, generated or from MovieLens, and sending them."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from confluent_kafka import Producer

from streaming.kafka.config import producer_options
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames

Event = tuple[str, str, float, datetime]
START = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = (1.0, 2.0, 3.0, 3.5, 4.0, 4.0, 4.5, 5.0)


def six_thousand_users(data: Path, limit: int, seed: int = 0) -> tuple[str, list[Event]]:
    """(name, events): ML-1M where the data is there, else as many users and films, in random order."""
    rng = random.Random(seed)
    path = data / "ml-1m" / "ratings_train.csv.gz"
    if path.exists():
        with gzip.open(path, "rt") as file:
            rows = [(r["userId"], f"ml:{r['movieId']}", float(r["rating"])) for r in csv.DictReader(file)]
        name = "ML-1M"
    else:
        pairs = [(u, i) for u in range(1, 6041) for i in rng.sample(range(1, 3707), 150)]
        rows = [(str(u), f"ml:{i}", rng.choice(VALUES)) for u, i in pairs]
        name = "synthetic, 6,040 users"
    rng.shuffle(rows)
    return name, [(*row, START + timedelta(seconds=k)) for k, row in enumerate(rows[:limit])]


def zipf_users(count: int, users: int = 200_000, items: int = 100_000, seed: int = 0) -> Iterator[Event]:
    """Zipf-distributed users and items; a tenth are re-ratings, 2% are late (older than what they meet)."""
    rng = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, users + 1) ** 0.7
    who = rng.choice(users, size=count, p=weights / weights.sum())
    weights = 1.0 / np.arange(1, items + 1) ** 0.8
    what = rng.choice(items, size=count, p=weights / weights.sum())
    again = rng.random(count) < 0.1
    late = rng.random(count) < 0.02
    value = rng.choice(VALUES, size=count)
    for k in range(count):
        j = int(rng.integers(0, k)) if again[k] and k else k
        at = START + timedelta(seconds=k - (k // 2 if late[k] else 0))
        yield f"u{who[j]}", f"i{what[j]}", float(value[k]), at


def send(settings: Settings, events: Iterator[Event] | list[Event]) -> int:
    """Produce all events to ``ratings.v1``; returns how many."""
    names, count = TopicNames(settings.namespace), settings.topics.ratings_partitions
    producer = Producer(producer_options(settings, "bench-producer") | {"linger.ms": 50})
    homes: dict[str, int] = {}
    sent = 0
    for user, item, value, at in events:
        home = homes.get(user)
        if home is None:
            home = homes[user] = partition_of(user, count)
        body = f'{{"user_id":"{user}","item_id":"{item}","value":{value},"event_time":"{at.isoformat()}"}}'
        while True:
            try:
                producer.produce(names.ratings, body, user, partition=home)
                break
            except BufferError:
                producer.poll(0.1)
        sent += 1
        if sent % 10_000 == 0:
            producer.poll(0)
    if producer.flush(120):
        raise RuntimeError("the broker did not take all events")
    return sent
