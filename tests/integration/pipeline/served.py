"""A pipeline whose films go through TorchServe, with a gateway in front."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined, unused-ignore]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from deploy.stack.kafka import KafkaBroker
from deploy.stack.milvus import MilvusServer
from streaming.control.documents import RouteDocument
from streaming.control.writer import change_control
from streaming.events import RatingEvent, encode
from streaming.kafka.config import admin_options, producer_options
from streaming.partition import partition_of
from streaming.settings import Settings
from tests.integration.gateway.world import Api
from tests.integration.pipeline.world import Pipeline
from tests.integration.space import tiny_handler
from tests.integration.space.test_indexer import Films
from tests.support import MarqueeProcess, until

COMPACTED = {
    "segment.ms": "1000",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "1000",
}
"""A topic so configured is compacted within seconds of an append."""


def build_archive(folder: Path) -> bytes:
    """The tiny encoder as TorchServe takes it."""
    command = ["-m", "model_archiver.model_packaging", "--model-name", "t", "--version", "1"]
    handler = str(Path(tiny_handler.__file__))
    subprocess.run([sys.executable, *command, "--handler", handler, "--export-path", str(folder)], check=True)
    return (folder / "t.mar").read_bytes()


class Served(Pipeline):
    """``films`` puts films, ``api`` asks the gateway."""

    def __init__(
        self, settings: Settings, rng: random.Random, kafka: KafkaBroker, milvus: MilvusServer
    ) -> None:
        self.films = Films(settings, rng)
        self._dice = rng

        def put(item_id: str) -> None:
            self.films.put_film(item_id, f"plot {self._dice.random()}")

        super().__init__(self.films, kafka, milvus, put, self.remove, encoded=True)
        change_control(
            settings,
            "test",
            "a route",
            lambda _, change: [RouteDocument(route_id="1", champion=self.world.id, change=change)],
        )
        self.api = Api(settings, MarqueeProcess(["gateway", "--instance", "0"], settings, {}))

    def begin(self, rng: random.Random) -> None:
        """And the gateway is ready."""
        super().begin(rng)
        until(self.api.ready, 120, what="the gateway is ready")

    def close(self) -> None:
        """The gateway ends, too."""
        self.api.http.close()
        self.api.process.close()
        super().close()

    def remove(self, item_id: str) -> None:
        """A tombstone where the film belongs."""
        self.films.vectors.pop(item_id, None)
        self.films.send(item_id, None, self.films.part(item_id))

    def rate(self, event: RatingEvent, away: int = 0) -> None:
        """One rating, so many partitions away from where it belongs."""
        count = self.settings.topics.ratings_partitions
        producer = Producer(producer_options(self.settings, "stranger"))
        partition = (partition_of(event.user_id, count) + away) % count
        producer.produce(self.names.ratings, encode(event), event.user_id, partition=partition)
        assert producer.flush(20) == 0

    def has_item(self, item_id: str) -> bool:
        """Whether Milvus holds the film."""
        return bool(self.store.get_items(self.world.space.items_collection, [item_id]))

    def liked(self, user_id: str) -> int:
        """Likes that the user's row counts; -1 where he has none."""
        row = self.store.get_user(self.world.space.users_collection, user_id)
        return -1 if row is None else row.n_liked

    def left(self, topic: str, partitions: int, key: str) -> list[int]:
        """Partitions of a compacted topic in which ``key`` still has a value."""
        newest = {
            m.partition(): m.value() for m in self.records(topic, partitions) if m.key() == key.encode()
        }
        return [
            partition for partition, value in newest.items() if partition is not None and value is not None
        ]

    def compact_soon(self, topic: str) -> None:
        """Until the topics are ensured again."""
        admin = AdminClient(admin_options(self.settings))
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in COMPACTED.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        for future in admin.incremental_alter_configs([resource]).values():
            future.result(20)
