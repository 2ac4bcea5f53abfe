"""A space whose truth is known here: what is written to Kafka, and what Milvus must then hold.

The check shares no code with the profile, digest and row modules: plain float64 numpy.
"""

from __future__ import annotations

import logging
import random
import time
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from confluent_kafka import Producer
from pymilvus import MilvusClient

from streaming.control.documents import MEAN, Policy, SpaceDocument
from streaming.control.writer import change_control
from streaming.documents import VectorDocument, encode_user, encode_vector
from streaming.kafka.config import producer_options
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames, space_topics
from streaming.topics.admin import ensure

logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
DIM = 16
START_S = 60.0
"""How long a worker may take from its start to exact rows, on a machine that does much else."""


class World:
    """Items and users of one space in one namespace."""

    def __init__(self, settings: Settings, rng: random.Random, policy: Policy = MEAN) -> None:
        self.settings, self.rng, self.policy = settings, rng, policy
        self.names = TopicNames(settings.namespace)
        self.id = f"t-1-mean-{rng.randrange(16**6):06x}"
        self.numbers = np.random.default_rng(rng.randrange(2**32))
        self.vectors: dict[str, npt.NDArray[np.float32]] = {}
        self.users: dict[str, dict[str, float | None]] = {}
        self._producer = Producer(producer_options(settings, "world"))
        ensure(settings, space_topics(settings, self.id))
        state = change_control(
            settings,
            "test",
            "a space",
            lambda _, change: [
                SpaceDocument(
                    space=self.id,
                    package="t",
                    version="1",
                    dim=DIM,
                    policy=policy,
                    state="champion",
                    change=change,
                )
            ],
        )
        self.space = state.spaces[self.id]

    def rewrite_space(self, **fields: object) -> None:
        """Change the space's control document."""
        state = change_control(
            self.settings,
            "test",
            "a change",
            lambda now, change: [msgspec.structs.replace(now.spaces[self.id], change=change, **fields)],
        )
        self.space = state.spaces[self.id]

    # what goes into Kafka ----------------------------------------------------------------------------

    def put_item(self, item_id: str, vector: npt.NDArray[np.float32] | None = None) -> None:
        """A vector (a random one of long-tailed length) for an item."""
        if vector is None:
            vector = (self.numbers.normal(size=DIM) * self.numbers.lognormal()).astype(np.float32)
        self.vectors[item_id] = vector
        document = VectorDocument(1, vector.tobytes(), f"Film {item_id}", 1999, ("Drama",), "", "t@1")
        self._vector(item_id, encode_vector(document))

    def remove_item(self, item_id: str) -> None:
        """The item's tombstone."""
        self.vectors.pop(item_id, None)
        self._vector(item_id, None)

    def put_user(self, user_id: str, ratings: dict[str, float | None]) -> None:
        """A user's document."""
        self.users[user_id] = dict(ratings)
        self._user(user_id, encode_user({item: (value, 1) for item, value in ratings.items()}))

    def remove_user(self, user_id: str) -> None:
        """The user's tombstone."""
        self.users.pop(user_id, None)
        self._user(user_id, None)

    def _vector(self, key: str, value: bytes | None) -> None:
        part = partition_of(key, self.settings.topics.items_partitions)
        self._producer.produce(self.names.vectors(self.id), value, key, partition=part)
        self._producer.poll(0)

    def _user(self, key: str, value: bytes | None) -> None:
        part = partition_of(key, self.settings.topics.ratings_partitions)
        self._producer.produce(self.names.users, value, key, partition=part)
        self._producer.poll(0)

    def flush(self) -> None:
        """Everything so far is acknowledged."""
        assert self._producer.flush(20) == 0

    def change_something(self, steps: int, items: int = 60, users: int = 80) -> None:
        """A random mix: new, late, re-embedded and removed items; new, changed and removed users."""
        for _ in range(steps):
            item, user = f"m:{self.rng.randrange(items)}", f"u{self.rng.randrange(users)}"
            dice = self.rng.random()
            if dice < 0.25:
                self.put_item(item)
            elif dice < 0.32:
                self.remove_item(item)
            elif dice < 0.95:
                rated = self.rng.sample(range(items), self.rng.randrange(25))
                self.put_user(user, {f"m:{i}": self.rng.choice([None, 1.0, 3.5, 4.0, 5.0]) for i in rated})
            else:
                self.remove_user(user)
        self.flush()

    # what Milvus must hold ---------------------------------------------------------------------------

    def expected_profile(self, ratings: dict[str, float | None]) -> tuple[npt.NDArray[np.float64], float]:
        """(profile, mean length of the liked vectors) in float64; zeros without a like."""
        liked = [
            self.vectors[i].astype(np.float64)
            for i, value in ratings.items()
            if value is not None and value >= 4.0 and i in self.vectors
        ]
        if not liked:
            return np.zeros(DIM), 0.0
        return np.mean(liked, axis=0), float(np.mean([np.linalg.norm(v) for v in liked]))

    def client(self) -> MilvusClient:
        """A client of the check's own."""
        milvus = self.settings.milvus
        return MilvusClient(uri=milvus.uri, token=milvus.token.get_secret_value(), timeout=30)

    def rows(self, client: MilvusClient, collection: str, key: str, partitions: int) -> dict[str, Any]:
        """Every row of a collection."""
        found: dict[str, Any] = {}
        for part in range(partitions):
            for row in client.query(collection, filter=f"part == {part}", output_fields=["*"], limit=16_384):
                assert row[key] not in found
                found[row[key]] = row
        return found

    def problems(self) -> list[str]:
        """What is wrong in Milvus right now, at most a few lines."""
        topics, found = self.settings.topics, list[str]()
        client = self.client()
        users = self.rows(client, self.space.users_collection, "user_id", topics.ratings_partitions)
        items = self.rows(client, self.space.items_collection, "item_id", topics.items_partitions)
        client.close()
        for what, got, want in (("user", users, self.users), ("item", items, self.vectors)):
            missing, orphans = want.keys() - got.keys(), got.keys() - want.keys()
            if missing or orphans:
                found.append(f"{what}s: {len(missing)} missing, {len(orphans)} orphans of {len(want)}")
        for user_id in users.keys() & self.users.keys():
            ratings, row = self.users[user_id], users[user_id]
            want, length = self.expected_profile(ratings)
            got = np.asarray(row["vector"], dtype=np.float64)
            if np.linalg.norm(got - want) > 1e-5 * length:
                found.append(f"profile of {user_id} is off by {np.linalg.norm(got - want)}")
            rated = [v for v in ratings.values() if v is not None]
            if row["n_rated"] != len(rated) or row["n_liked"] != sum(v >= 4 for v in rated):
                found.append(f"counts of {user_id}: {row['n_liked']} of {row['n_rated']}")
            if sum(len(row[f"seen{n}"]) for n in range(4)) != 12 * len(rated):
                found.append(f"seen of {user_id}")
        found += [
            f"vector of {item_id}"
            for item_id in items.keys() & self.vectors.keys()
            if not np.array_equal(
                np.asarray(items[item_id]["vector"], dtype=np.float32), self.vectors[item_id]
            )
        ]
        return found[:5]

    def becomes_exact(self, within_s: float) -> float:
        """Seconds until Milvus holds exactly what it must; fails the test after ``within_s``."""
        began = time.monotonic()
        while True:
            try:
                problems = self.problems()
            except Exception as error:
                problems = [f"{type(error).__name__}: {error}"]
            if not problems:
                return time.monotonic() - began
            assert time.monotonic() - began < within_s, problems
            time.sleep(0.1)
