"""A space made by hand: vectors and user rows as its worker would have written them, and a gateway."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
from confluent_kafka import Message, Producer
from pydantic import SecretStr

from deploy.stack.ports import free_ports
from streaming.control.documents import (
    MEAN,
    Change,
    Policy,
    RouteDocument,
    SpaceDocument,
    encode_control,
    space_key,
)
from streaming.documents import (
    BUCKETS,
    Counts,
    VectorDocument,
    bucket_of,
    encode_counts,
    encode_vector,
    popular_key,
)
from streaming.documents.vector import SCHEMA
from streaming.events import Item, encode
from streaming.kafka.config import producer_options
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.milvus.client import MilvusStore
from streaming.milvus.rows import ItemRow, UserRow
from streaming.milvus.seen import DISLIKED, LIKED, encode_seen, item_hash
from streaming.partition import partition_of
from streaming.settings import GatewaySettings, Settings
from streaming.topics import TopicNames, fixed_topics, space_topics
from streaming.topics.admin import ensure
from tests.integration.conftest import Spawn
from tests.support import MarqueeProcess, until

KEY = "a-key-for-tests"
DIM = 16
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Film:
    """One film of the world."""

    item_id: str
    vector: Vectors
    title: str
    year: int | None
    genres: tuple[str, ...]


def films(count: int, seed: int = 7) -> list[Film]:
    """``count`` films of random vectors and lengths, years 1950 to 2009, two genres each."""
    rng = np.random.default_rng(seed)
    names = ("Action", "Comedy", "Drama", "Film-Noir", "Western")
    vectors = rng.normal(size=(count, DIM)) * rng.lognormal(size=(count, 1))
    return [
        Film(
            f"t:{n}",
            vectors[n].astype(np.float32),
            f"Film {n}",
            1950 + n % 60 if n % 10 else None,
            (names[n % 3], names[3 + n % 2]),
        )
        for n in range(count)
    ]


class World:
    """Kafka and Milvus as a running stack would have them, and ways to change them."""

    def __init__(self, settings: Settings) -> None:
        (port,) = free_ports(1)
        gateway = GatewaySettings(  # type: ignore[call-arg]
            port=port, url=f"http://127.0.0.1:{port}", api_key=SecretStr(KEY)
        )
        self.settings = settings.model_copy(update={"gateway": gateway})
        self.names = TopicNames(settings.namespace)
        ensure(self.settings, fixed_topics(self.settings))
        self.store = MilvusStore(self.settings)
        self.producer = Producer(producer_options(self.settings, "world"))
        self.spaces: dict[str, SpaceDocument] = {}
        self._revision = 0

    def space(self, policy: Policy = MEAN, package: str = "test@1") -> SpaceDocument:
        """A new live space, its topic and collections."""
        name = f"test-1-{policy.name}-{secrets.token_hex(3)}"
        document = SpaceDocument(
            space=name,
            package=package,
            version="1",
            dim=DIM,
            policy=policy,
            state="champion",
            change=self._change(),
        )
        ensure(self.settings, space_topics(self.settings, name))
        self.store.create_space_collections(document)
        self.spaces[name] = document
        self._control(space_key(name), document)
        return document

    def route(self, champion: SpaceDocument, **others: Any) -> RouteDocument:
        """Everybody is answered from ``champion``, but for ``canary``."""
        route = RouteDocument(
            route_id=secrets.token_hex(4), champion=champion.space, change=self._change(), **others
        )
        self._control("route", route)
        return route

    def put_films(
        self, space: SpaceDocument, made: Iterable[Film], topic: bool = True, milvus: bool = True
    ) -> None:
        """Vectors into the space's topic and rows into Milvus."""
        made = list(made)
        parts = self.settings.topics.items_partitions
        if topic:
            for film in made:
                document = VectorDocument(
                    SCHEMA, film.vector.tobytes(), film.title, film.year, film.genres, "", space.package
                )
                self.produce(
                    self.names.vectors(space.space),
                    partition_of(film.item_id, parts),
                    film.item_id,
                    encode_vector(document),
                )
            self.producer.flush()
        if milvus:
            rows = [
                ItemRow(
                    f.item_id, f.vector, f.title, f.year, f.genres, "", 0, partition_of(f.item_id, parts), 0
                )
                for f in made
            ]
            for start in range(0, len(rows), 1_000):
                self.store.upsert_items(space.items_collection, rows[start : start + 1_000])

    def put_user(
        self,
        space: SpaceDocument,
        user: str,
        liked: Sequence[Film],
        disliked: Sequence[Film] = (),
        unknown: Sequence[str] = (),
    ) -> Vectors:
        """A row as the projector would write it; the profile."""
        rated = [f.item_id for f in (*liked, *disliked)] + list(unknown)
        classes = [LIKED] * len(liked) + [DISLIKED] * (len(disliked) + len(unknown))
        vector = np.zeros(DIM, dtype=np.float32)
        if liked:
            vector = np.mean([f.vector.astype(np.float64) for f in liked], axis=0).astype(np.float32)
        seen = encode_seen(
            np.array([item_hash(i) for i in rated], dtype=np.uint64), np.array(classes, dtype=np.uint8)
        )
        part = partition_of(user, self.settings.topics.ratings_partitions)
        row = UserRow(user, vector, 5, part, 1, "test", len(liked), len(rated), 0, seen)
        self.store.upsert_users(space.users_collection, [row])
        until(lambda: self.store.get_user(space.users_collection, user) is not None, 30, what="the row")
        return vector

    def put_items(self, items: Iterable[Item]) -> None:
        """Films into ``items.v1``."""
        for item in items:
            partition = partition_of(item.item_id, self.settings.topics.items_partitions)
            self.produce(self.names.items, partition, item.item_id, encode(item))
        self.producer.flush()

    def put_popular(self, likes: Mapping[str, list[tuple[int, int]]], threshold: float = 4.0) -> None:
        """Like counts, all in partition 0."""
        buckets: dict[int, Counts] = {bucket: {} for bucket in range(BUCKETS)}
        for item, weeks in likes.items():
            buckets[bucket_of(item)][item] = weeks
        for bucket, counts in buckets.items():
            if counts:
                self.produce(self.names.popular, 0, popular_key(threshold, 0, bucket), encode_counts(counts))
        self.producer.flush()

    def read(self, topic: str, partitions: int) -> list[Message]:
        """Every record of a topic, by partition and offset."""
        records: list[Message] = []
        read_to_end(self.settings, {(topic, p): BEGINNING for p in range(partitions)}, records.append)
        return sorted(records, key=lambda m: (m.partition(), m.offset()))

    def ratings(self) -> list[Message]:
        """Every record of ``ratings.v1``."""
        return self.read(self.names.ratings, self.settings.topics.ratings_partitions)

    def produce(self, topic: str, partition: int, key: str, value: bytes | None) -> None:
        """One record."""
        self.producer.produce(topic, value, key, partition=partition)

    def start(self, spawn: Spawn, instance: str = "0", **changes: Any) -> Api:
        """A gateway in a process of its own, ready; ``changes`` to its settings make it another one."""
        settings = self.settings
        if changes:
            (port,) = free_ports(1)
            changes |= {"port": port, "url": f"http://127.0.0.1:{port}"}
            settings = settings.model_copy(update={"gateway": settings.gateway.model_copy(update=changes)})
        process = spawn("gateway", settings, instance=instance)
        api = Api(settings, process)
        until(api.ready, 120, what=f"the gateway is ready, see {process.output}")
        return api

    def _change(self) -> Change:
        self._revision += 1
        return Change(revision=self._revision, nonce=secrets.token_hex(4), operator="t", reason="t", at_ms=0)

    def _control(self, key: str, document: SpaceDocument | RouteDocument) -> None:
        self.produce(self.names.control, 0, key, encode_control(document))
        self.producer.flush()


class Api:
    """HTTP to one gateway, with its key."""

    def __init__(self, settings: Settings, process: MarqueeProcess) -> None:
        self.process = process
        self.http = httpx.Client(
            base_url=settings.gateway.url, headers={"x-api-key": KEY}, timeout=20, trust_env=False
        )

    def ready(self) -> bool:
        """Whether ``/readyz`` says so."""
        assert self.process.running, self.process.text()[-3000:]
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def recommend(self, user: str, **parameters: Any) -> Any:
        """The answer's body."""
        response = self.http.get(f"/v1/users/{user}/recommendations", params=parameters)
        assert response.status_code == 200, response.text
        return response.json()


def ids(answer: Any) -> list[str]:
    """Item ids of an answer, in order."""
    return [item["item_id"] for item in answer["items"]]


def exact(made: Iterable[Film], profile: Vectors, hidden: Iterable[str], k: int) -> list[str]:
    """The true answer, by another way."""
    gone = set(hidden)
    scored = [
        (float(np.dot(f.vector.astype(np.float64), profile.astype(np.float64))), f.item_id)
        for f in made
        if f.item_id not in gone
    ]
    return [item for _, item in sorted(scored, key=lambda entry: -entry[0])[:k]]
