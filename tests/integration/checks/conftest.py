"""A whole world: ratings through a real ledger, vectors, and a real space worker writing rows."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Producer

from deploy.checks.users import UserCheck
from deploy.data.lag import wait_applied
from streaming.control.documents import SpaceDocument
from streaming.events import Item, RatingEvent, encode
from streaming.kafka.config import producer_options
from streaming.milvus.client import MilvusStore
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames
from tests.integration.conftest import Spawn
from tests.integration.space.world import World
from tests.support import MarqueeProcess

FILMS, USERS = 40, 60
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Whole:
    """What the tests of the checks look at and damage."""

    settings: Settings
    world: World
    worker: MarqueeProcess
    store: MilvusStore
    rng: random.Random

    @property
    def space(self) -> SpaceDocument:
        """The only space."""
        return self.world.space

    def rate(self, count: int, users: int = USERS) -> None:
        """Random ratings, re-ratings and take-backs, some late, through the log."""
        producer = Producer(producer_options(self.settings, "test"))
        for _ in range(count):
            event = RatingEvent(
                user_id=f"u{self.rng.randrange(users)}",
                item_id=f"m:{self.rng.randrange(FILMS)}",
                value=self.rng.choice([None, 1.0, 3.0, 4.0, 5.0]),
                event_time=BEGIN + timedelta(seconds=self.rng.randrange(10_000)),
            )
            self.produce(producer, event)
        assert producer.flush(60) == 0

    def erase(self, user_id: str) -> None:
        """An erase event."""
        producer = Producer(producer_options(self.settings, "test"))
        self.produce(producer, RatingEvent(user_id=user_id, event_time=datetime.now(UTC), erase=True))
        assert producer.flush(60) == 0

    def produce(self, producer: Producer, event: RatingEvent) -> None:
        """One event on its user's partition."""
        names, count = TopicNames(self.settings.namespace), self.settings.topics.ratings_partitions
        producer.produce(
            names.ratings, encode(event), event.user_id, partition=partition_of(event.user_id, count)
        )
        producer.poll(0)

    def check(self, wait_s: float = 0.0) -> UserCheck:
        """Look at every user."""
        return UserCheck(self.settings, [self.space], wait_s).run()


@pytest.fixture
def whole(ensured: Settings, milvus: object, rng: random.Random, spawn: Spawn) -> Whole:
    """40 films, 60 users, 3,000 ratings, folded and projected."""
    world = World(ensured, rng)
    producer = Producer(producer_options(ensured, "test"))
    names, parts = TopicNames(ensured.namespace), ensured.topics.items_partitions
    for n in range(FILMS):
        item = Item(f"m:{n}", f"Film m:{n}", 1999, ("Drama",))
        producer.produce(names.items, encode(item), item.item_id, partition=partition_of(item.item_id, parts))
        world.put_item(item.item_id)
    world.flush()
    assert producer.flush(60) == 0
    spawn("ledger", ensured)
    made = Whole(ensured, world, spawn("space", world.id, ensured), MilvusStore(ensured), rng)
    made.rate(3_000)
    wait_applied(ensured, [], 60)
    return made
