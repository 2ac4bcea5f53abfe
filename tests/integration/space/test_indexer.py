"""Films through real Kafka and real TorchServe to vectors and rows (rules 2 to 6)."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient

from deploy.stack.milvus import MilvusServer
from deploy.stack.torchserve import TorchServe
from streaming.blobs import BlobStore
from streaming.control.documents import RouteDocument
from streaming.control.writer import change_control
from streaming.documents import HEARTBEAT_KEY
from streaming.encoder.management import EncoderManagement
from streaming.events import Item, encode
from streaming.kafka.config import admin_options, producer_options
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.kafka.owners import Owner, owners
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import fixed_topics, space_topics
from streaming.topics.admin import ensure
from tests.integration.conftest import Spawn
from tests.integration.kafka.compaction import clean_at_once
from tests.integration.space import tiny_handler
from tests.integration.space.tiny_handler import DEADLY, REFUSED, SLOW, vector_of
from tests.integration.space.world import START_S, World
from tests.support import until


class Films(World):
    """A world whose item vectors come from the encoder: it puts films, and knows what they become."""

    def __init__(self, settings: Settings, rng: random.Random) -> None:
        super().__init__(settings, rng)
        self.producer = Producer(producer_options(settings, "films"))

    def put_film(
        self,
        item_id: str,
        text: str = "",
        *,
        partition: int | None = None,
        key: str | None = None,
        poster: bytes | None = None,
    ) -> None:
        """An event on ``items.v1``; on the right partition and under the right key unless told otherwise."""
        sha = BlobStore(self.settings).put(poster) if poster else ""
        item = Item(item_id=item_id, title=f"Film {item_id}", text=text, poster_sha256=sha)
        if text not in (REFUSED, DEADLY):
            self.vectors[item_id] = vector_of(item.title, text, poster)
        self.send(key or item_id, encode(item), partition if partition is not None else self.part(item_id))

    def send(self, key: str, value: bytes | None, partition: int) -> None:
        """A raw record."""
        self.producer.produce(self.names.items, value, key, partition=partition)
        assert self.producer.flush(10) == 0

    def part(self, item_id: str) -> int:
        """Where a film belongs."""
        return partition_of(item_id, self.settings.topics.items_partitions)

    def read(self, topic: str) -> list[Message]:
        """Every record of a topic of items."""
        found: list[Message] = []
        places = {(topic, p): BEGINNING for p in range(self.settings.topics.items_partitions)}
        read_to_end(self.settings, places, found.append)
        return found


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny encoder as TorchServe takes it."""
    folder = tmp_path_factory.mktemp("archive")
    command = ["-m", "model_archiver.model_packaging", "--model-name", "t", "--version", "1"]
    handler = str(Path(tiny_handler.__file__))
    subprocess.run([sys.executable, *command, "--handler", handler, "--export-path", str(folder)], check=True)
    return folder / "t.mar"


@pytest.fixture
def films(
    ensured: Settings, milvus: MilvusServer, torchserve: TorchServe, archive: Path, rng: random.Random
) -> Iterator[Films]:
    """A space whose encoder is served."""
    target = torchserve.models / "t.mar"
    target.write_bytes(archive.read_bytes())
    management = EncoderManagement(ensured, "t")
    management.register("1", target)
    yield Films(ensured, rng)
    management.close()


def reasons(dead: list[Message]) -> dict[bytes | None, str]:
    return {m.key(): dict(m.headers() or [])["dlq-reason"].decode() for m in dead}  # type: ignore[union-attr]


def test_films_become_vectors_and_rows_whatever_is_wrong_with_some(films: Films, spawn: Spawn) -> None:
    for n in range(40):
        films.put_film(f"m:{n}", f"plot {n}")
    films.put_film("m:poster", "plot", poster=b"bytes of a picture")
    films.send("m:bad", b"{not json", 2)
    unsafe = b'{"item_id": "m:unsafe", "title": "evil \\u001b[31mred"}'
    films.send("m:unsafe", unsafe, films.part("m:unsafe"))
    films.put_film("m:refused", "good at first")
    films.put_user("u", {"m:1": 5.0, "m:refused": 5.0, "m:moved": 5.0, "m:foreign": 4.0})
    films.flush()
    worker = spawn("space", films.id, films.settings)
    films.becomes_exact(START_S)
    films.put_film("m:refused", REFUSED)  # keeps its former vector
    films.put_film("m:moved", "elsewhere", partition=(films.part("m:moved") + 1) % 6)
    films.put_film("m:foreign", "other key", key="m:strange")
    films.put_film("m:3", "a new plot")
    films.vectors.pop("m:4")
    films.send("m:4", None, films.part("m:4"))
    films.becomes_exact(15)
    dead = reasons(films.read(films.names.dlq(films.names.items)))
    assert set(dead) == {b"m:bad", b"m:refused", b"m:unsafe"}
    assert dead[b"m:unsafe"] == "title contains a control character"
    assert "cannot be encoded" in dead[b"m:refused"]
    # what was misplaced leaves a tombstone, and may be removed by whoever knows where it belongs
    films.vectors.pop("m:moved")
    films.send("m:moved", None, films.part("m:moved"))
    films.becomes_exact(15)
    last: dict[tuple[Any, Any], bytes | None] = {}
    for message in films.read(films.names.items):
        last[message.partition(), message.key()] = message.value()
    assert last[(films.part("m:moved") + 1) % 6, b"m:moved"] is None
    assert last[films.part("m:moved"), b"m:moved"] is None
    assert worker.terminate(5.0) == 0


def test_torchserve_away_costs_nothing(films: Films, torchserve: TorchServe, spawn: Spawn) -> None:
    worker = spawn("space", films.id, films.settings)
    films.put_film("m:0", "before")
    films.becomes_exact(START_S)
    torchserve.kill9()
    for n in range(20):
        films.put_film(f"m:{n}", f"while away {n}")
    films.put_user("u", {"m:0": 5.0})
    films.flush()
    until(lambda: "they wait" in worker.text(), 20, what="a batch in hand waits for the encoder")
    time.sleep(films.settings.session.session_timeout_ms / 1000 + 1)
    assert worker.running
    torchserve.start()
    torchserve.wait_healthy()
    management = EncoderManagement(films.settings, "t")
    management.register("1", torchserve.models / "t.mar")
    management.close()
    films.becomes_exact(30)
    assert not films.read(films.names.dlq(films.names.items))


def test_a_film_that_takes_the_encoder_with_it_is_found_and_others_get_their_vectors(
    films: Films, spawn: Spawn
) -> None:
    for n in range(12):
        films.put_film(f"m:{n}", f"plot {n}")
    films.put_film("m:deadly", DEADLY)
    films.flush()
    worker = spawn("space", films.id, films.settings)
    films.becomes_exact(2 * START_S)
    until(lambda: films.read(films.names.dlq(films.names.items)), START_S, what="the film is given up")
    dead = reasons(films.read(films.names.dlq(films.names.items)))
    assert list(dead) == [b"m:deadly"]
    assert "died 2 times on this film alone" in dead[b"m:deadly"]
    # the fault hit: once with others, then alone
    assert worker.text().count("films are asked one by one") == 1
    assert worker.text().count("died on a film alone") == 2


def test_a_film_goes_whose_tombstone_was_compacted_away_while_a_batch_waited(
    ensured: Settings, films: Films, torchserve: TorchServe, spawn: Spawn
) -> None:
    """The indexer stays the owner: no take-over compares films with vectors."""
    short = {"segment_ms": 1_000, "max_compaction_lag_ms": 1_000, "delete_retention_ms": 2_000}
    quick = ensured.model_copy(update={"topics": ensured.topics.model_copy(update=short)})
    films.settings = quick
    ensure(quick, [*fixed_topics(quick), *space_topics(quick, films.id)])
    clean_at_once(quick, films.names.items)
    worker = spawn("space", films.id, quick)
    gone = next(i for i in (f"m:{n}" for n in range(1, 100)) if films.part(i) == films.part("m:0"))
    films.put_film("m:0", "stays")
    films.put_film(gone, "goes")
    films.becomes_exact(START_S)
    torchserve.kill9()
    films.put_film("m:0", "while away")
    until(lambda: "they wait" in worker.text(), 30, what="a batch in hand waits for the encoder")
    films.vectors.pop(gone)
    films.send(gone, None, films.part(gone))

    def unread() -> bool:
        # segments roll, and are cleaned, where something is appended
        for partition in range(quick.topics.items_partitions):
            films.send(HEARTBEAT_KEY.decode(), b"", partition)
        return not any(m.key() == gone.encode() for m in films.read(films.names.items))

    until(unread, 90, what="film and tombstone are compacted away", interval_s=0.5)
    own = dict(indexers(films))
    torchserve.start()
    torchserve.wait_healthy()
    management = EncoderManagement(quick, "t")
    management.register("1", torchserve.models / "t.mar")
    management.close()
    films.becomes_exact(30)
    assert indexers(films) == own
    assert "batch dropped" not in worker.text()
    assert "films removed whose tombstones are gone" in worker.text()


def test_a_rebalance_with_a_batch_in_hand_commits_each_film_once(films: Films, spawn: Spawn) -> None:
    first = spawn("space", films.id, films.settings, instance="0")
    films.put_film("m:0", "before")
    films.becomes_exact(START_S)
    second = spawn("space", films.id, films.settings, instance="1")
    until(lambda: len(set(indexers(films).values())) == 2, START_S, what="both own partitions")
    for n in range(12):
        films.put_film(f"m:{n}", f"{SLOW}0.7")
    until(lambda: "items in hand" in first.text() and "items in hand" in second.text(), 20)
    assert second.terminate(5.0) == 0
    films.becomes_exact(START_S)
    assert "transaction aborted" in first.text(), "the batch in hand was committed under an old membership"
    vectors = [m.key() for m in films.read(films.names.vectors(films.id))]
    assert sorted(vectors) == sorted([b"m:0", *(f"m:{n}".encode() for n in range(12))])


def test_a_space_that_is_being_filled_gives_way_to_the_champions_films(films: Films, spawn: Spawn) -> None:
    """Both ask one encoder for the same films at the same moment, film by film."""
    settings = films.settings
    one = {
        "torchserve": settings.torchserve.model_copy(update={"batch": 1}),
        "space": settings.space.model_copy(update={"index_batch": 1}),
    }
    new = World(settings, films.rng)
    new.rewrite_space(state="backfilling")
    new.vectors, new.users = films.vectors, films.users
    change_control(
        settings,
        "test",
        "a champion",
        lambda _, change: [RouteDocument(route_id="r", champion=films.id, change=change)],
    )
    films.put_film("m:0", "before")
    champion = spawn("space", films.id, settings.model_copy(update={"torchserve": one["torchserve"]}))
    films.becomes_exact(START_S)
    backfill = spawn("space", new.id, settings.model_copy(update=one))
    new.becomes_exact(START_S)
    assert "gives way" not in backfill.text(), "nothing live waited"
    live = [i for i in (f"m:{n}" for n in range(1, 200)) if films.part(i) == films.part("m:0")][:16]
    for item_id in live:
        films.put_film(item_id, f"{SLOW}0.25")
    told = "this space gives way to the champion's films"
    until(lambda: told in backfill.text(), START_S, what="the new space gives way")
    films.becomes_exact(START_S)
    # the bound: it is filled all the same
    new.becomes_exact(START_S)
    assert champion.running


def indexers(films: Films) -> dict[int, Owner]:
    """Which worker indexes which partition."""
    admin = AdminClient(admin_options(films.settings))
    return owners(admin, films.names.indexer_group(films.id), films.names.items)
