"""A real package fills spaces: how fast beside its engine alone, and what live ratings notice of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np
from rich.console import Console

from benchmarks._services import end, gateway_client, running, services, start, wait_for
from benchmarks._space import Films, produce, put_documents
from benchmarks.freshness import Prober
from deploy.checks.reading import TopicReader
from deploy.data.lag import LagWatch
from deploy.rollout import Driver
from handlers.encoding import ItemEncoder
from model_store import Package, build
from streaming.control.documents import MEAN, WEIGHTED, Policy, SpaceDocument
from streaming.events import Item, encode
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames
from trainer.data import load_items, resolve
from trainer.space.train import encode_items

PACKAGE = os.environ.get("MARQUEE_BENCH_PACKAGE", "item-encoder")
FILMS = int(os.environ.get("MARQUEE_BENCH_BACKFILL", "1500"))
USERS, LIKES = 2_000, 40
PROBES = int(os.environ.get("MARQUEE_BENCH_PROBES", "200"))
REQUEST = 64
FIRST_MS = 100
"""What is appended this soon after the first vector was encoded with it."""
console = Console(stderr=True)


@dataclass(frozen=True)
class Backfill:
    """Films a second of the engine in process and of two backfills; milliseconds of probes."""

    alone: list[float]
    quiet: float
    probed: float
    fresh_before: list[float]
    fresh_meanwhile: list[float]


def backfill() -> Backfill:
    """One space on a stack that does nothing else, then a second one while ratings are probed."""
    with services(milvus=True, torchserve=True) as settings:
        package = build(PACKAGE, settings.models, step=console.print)
        films = list(load_items(resolve("shipped")))[:FILMS]
        put_films(settings, films)
        alone = [engine(package, films)]
        first = fill_space(settings, package, MEAN)
        with running(settings, ("ledger",)), filled(settings, first) as _:
            wait_for(lambda: is_filled(settings, first), 1_800, "the first space is filled", 0.5)
            quiet = rate(settings, first, len(films))
            alone.append(engine(package, films))
            Driver(settings, "benchmark", "first").advance("install", first)
            with running(settings, ("gateway",)), closing(gateway_client(settings)) as http:
                prober = Prober(http, [film.item_id for film in films])
                prober.begin()
                console.print("probing without a backfill")
                before = prober.probes(PROBES)
                second = fill_space(settings, package, WEIGHTED)
                with filled(settings, second) as filling:
                    wait_for(lambda: _begun(settings, second), 120, "the second space is being filled")
                    console.print("probing during a backfill")
                    meanwhile = prober.probes(PROBES, filling)
                    wait_for(lambda: not filling(), 1_800, "the second space is filled", 0.5)
                    probed = rate(settings, second, len(films))
    return Backfill(alone, quiet, probed, before, meanwhile)


def engine(package: Package, films: Sequence[Item]) -> float:
    """Films a second of the encoder in this process: one thread, requests of the size that workers send."""
    encoder, wanted = ItemEncoder.load(package.path, 1), encode_items(films)
    encoder.encode(wanted[:REQUEST])
    began = time.perf_counter()
    for place in range(0, len(wanted), REQUEST):
        errors = encoder.encode(wanted[place : place + REQUEST]).errors
        assert errors == [None] * len(errors), errors
    return len(films) / (time.perf_counter() - began)


def rate(settings: Settings, space: SpaceDocument, films: int) -> float:
    """Films a second of a backfill, from the end of its first batch to that of its last."""
    at = _appended(settings, space)
    assert len(at) == films, f"{len(at)} of {films} films have a vector"
    first = sum(one <= min(at) + FIRST_MS for one in at)
    return (films - first) / ((max(at) - min(at)) / 1000)


def _appended(settings: Settings, space: SpaceDocument) -> list[int]:
    topic = TopicNames(settings.namespace).vectors(space.space)
    with TopicReader(settings, topic, range(settings.topics.items_partitions)) as reader:
        return [record.appended_ms for record in reader.read_on() if record.value is not None]


def put_films(settings: Settings, films: Sequence[Item]) -> None:
    """Films, and documents of users who like some."""
    parts = settings.topics.items_partitions
    produce(
        settings,
        TopicNames(settings.namespace).items,
        ((partition_of(film.item_id, parts), film.item_id, encode(film)) for film in films),
    )
    ids = Films([film.item_id for film in films], np.zeros((0, 0), dtype=np.float32), [], [])
    put_documents(settings, ids, USERS, LIKES)


def fill_space(settings: Settings, package: Package, policy: Policy) -> SpaceDocument:
    """A space of ``package`` that a worker is to fill."""
    return Driver(settings, "benchmark", verify=False).start(package.manifest.reference, policy)


@contextmanager
def filled(settings: Settings, space: SpaceDocument) -> Iterator[Callable[[], bool]]:
    """A worker of the space; whether it still has films to encode, without asking Kafka each time."""
    child, ended, over = start(settings, "space", space.space), threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(0.5) and not ended.is_set():
            if is_filled(settings, space):
                ended.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: not ended.is_set()
    finally:
        over.set()
        watcher.join()
        end(child)


def _begun(settings: Settings, space: SpaceDocument) -> bool:
    return bool(_appended(settings, space))


def is_filled(settings: Settings, space: SpaceDocument) -> bool:
    """Whether every film has a vector there."""
    return not LagWatch(settings, [space]).behind(lambda *_: None)
