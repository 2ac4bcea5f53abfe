"""A space made by hand: films of long-tailed vector lengths and users, written where workers read them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
from confluent_kafka import Producer

from streaming.control.documents import RouteDocument, SpaceDocument
from streaming.control.presence import read_presence
from streaming.control.writer import change_control
from streaming.documents import VectorDocument, encode_user, encode_vector
from streaming.documents.vector import SCHEMA
from streaming.kafka.config import producer_options
from streaming.milvus.client import MilvusStore
from streaming.milvus.rows import ItemRow, UserRow
from streaming.milvus.seen import LIKED, encode_seen, item_hash
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames, space_topics
from streaming.topics.admin import ensure

DIM = 256
GENRES = ("Action", "Comedy", "Drama", "Film-Noir", "Western", "Horror", "Romance", "War")
TASTES = 32
TIME_MS = 1_767_225_600_000
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Films:
    """A catalogue: ``vectors`` is float32 (films, dim); years are 1950 to 2024, two genres each."""

    ids: list[str]
    vectors: Floats
    years: list[int]
    genres: list[tuple[str, str]]


def make_films(count: int, dim: int = DIM, seed: int = 0, first: int = 0) -> Films:
    """Directions around a few tastes, log-normal lengths: few films appeal broadly, most hardly."""
    rng = np.random.default_rng([seed, first])
    tastes = np.random.default_rng(seed).normal(size=(TASTES, dim))
    directions = tastes[rng.integers(TASTES, size=count)] + rng.normal(size=(count, dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    vectors = (directions * rng.lognormal(-1.5, 1.0, size=(count, 1))).astype(np.float32)
    numbers = range(first, first + count)
    return Films(
        [f"b:{n}" for n in numbers],
        vectors,
        [1950 + n % 75 for n in numbers],
        [(GENRES[n % 3], GENRES[3 + n % 5]) for n in numbers],
    )


def make_space(settings: Settings, dim: int = DIM) -> SpaceDocument:
    """A space with topic and collections, announced, and everybody routed to it."""
    name = f"bench-1-mean-{secrets.token_hex(3)}"
    ensure(settings, space_topics(settings, name))

    def announce(_: Any, change: Any) -> Sequence[SpaceDocument | RouteDocument]:
        space = SpaceDocument(
            space=name, package="bench", version="1", dim=dim, state="champion", change=change
        )
        return [space, RouteDocument(route_id=secrets.token_hex(4), champion=name, change=change)]

    space = change_control(settings, "benchmark", "a benchmark", announce).spaces[name]
    store = MilvusStore(settings)
    store.create_space_collections(space)
    store.close()
    return space


def put_vectors(settings: Settings, space: SpaceDocument, films: Films) -> None:
    """Every film into the space's vectors topic, as the indexer writes it."""
    parts, topic = settings.topics.items_partitions, TopicNames(settings.namespace).vectors(space.space)

    def records() -> Iterator[tuple[int, str, bytes]]:
        for item, vector, year, genres in zip(
            films.ids, films.vectors, films.years, films.genres, strict=True
        ):
            document = VectorDocument(SCHEMA, vector.tobytes(), f"Film {item}", year, genres, "", "bench@1")
            yield partition_of(item, parts), item, encode_vector(document)

    produce(settings, topic, records())


def put_item_rows(settings: Settings, store: MilvusStore, space: SpaceDocument, films: Films) -> None:
    """Every film as a row of the item collection, straight."""
    parts = settings.topics.items_partitions
    rows = [
        ItemRow(i, v, f"Film {i}", y, g, "", 0, partition_of(i, parts), 0)
        for i, v, y, g in zip(films.ids, films.vectors, films.years, films.genres, strict=True)
    ]
    for start in range(0, len(rows), 1_000):
        store.upsert_items(space.items_collection, rows[start : start + 1_000])


def user_row(settings: Settings, user: str, films: Films, liked: npt.NDArray[np.int64]) -> UserRow:
    """The row of a user who likes the films of these numbers, as the projector would write it."""
    vector = films.vectors[liked].mean(axis=0, dtype=np.float64).astype(np.float32)
    hashes = np.array([item_hash(films.ids[n]) for n in liked.tolist()], dtype=np.uint64)
    seen = encode_seen(hashes, np.full(len(liked), LIKED, dtype=np.uint8))
    part = partition_of(user, settings.topics.ratings_partitions)
    return UserRow(user, vector, 5, part, 1, "bench", len(liked), len(liked), TIME_MS, seen)


def put_documents(
    settings: Settings, films: Films, users: int, likes: int, tell: Callable[[int], None] = lambda _: None
) -> None:
    """``users`` documents with ``likes`` liked films each into ``users.v1``, as the ledger writes them."""
    parts, rng = settings.topics.ratings_partitions, np.random.default_rng(1)
    ids = np.array(films.ids, dtype=object)

    def records() -> Iterator[tuple[int, str, bytes]]:
        for n in range(users):
            user = f"u{n}"
            # distinct without a permutation of the whole catalogue for every user
            first, step = int(rng.integers(len(ids))), 1 + 2 * int(rng.integers(len(ids) // (2 * likes) or 1))
            chosen = ids[(first + step * np.arange(likes)) % len(ids)].tolist()
            yield partition_of(user, parts), user, encode_user(dict.fromkeys(chosen, (4.5, TIME_MS)))
            if n % 10_000 == 0:
                tell(n)

    produce(settings, TopicNames(settings.namespace).users, records())


def produce(settings: Settings, topic: str, records: Iterable[tuple[int, str, bytes]]) -> None:
    """All records (partition, key, value), acknowledged when this returns."""
    producer = Producer(producer_options(settings, "bench-producer") | {"linger.ms": 20})
    for partition, key, value in records:
        while True:
            try:
                producer.produce(topic, value, key, partition=partition)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    if producer.flush(120):
        raise RuntimeError("the broker did not take all records")


def status_of(settings: Settings, role: str, instance: str = "0") -> Mapping[str, Any] | None:
    """``/status`` of a worker, or None while it does not answer."""
    beats = [b for b in read_presence(settings).values() if (b.role, b.instance) == (role, instance)]
    return ask(settings, beats[0].address, "/status") if beats else None


def ask_text(settings: Settings, role: str, path: str) -> str:
    """The plain text that the only worker of a role answers. Raises httpx.HTTPError."""
    (beat,) = [b for b in read_presence(settings).values() if b.role == role]
    headers = {"Authorization": f"Bearer {settings.internal.token.get_secret_value()}"}
    reply = httpx.get(f"http://{beat.address}{path}", headers=headers, timeout=30, trust_env=False)
    return reply.raise_for_status().text


def ask(settings: Settings, address: str, path: str, body: Any = None) -> Mapping[str, Any] | None:
    """An internal endpoint's answer, or None where there is none (yet)."""
    headers = {"Authorization": f"Bearer {settings.internal.token.get_secret_value()}"}
    method = "GET" if body is None else "POST"
    try:
        reply = httpx.request(
            method, f"http://{address}{path}", headers=headers, json=body, timeout=30, trust_env=False
        )
    except httpx.HTTPError:
        return None
    return reply.json() if reply.is_success else None
