"""Claim: a new film is recommendable within 2 s (p99) of its acknowledgement, with other films sent besides.

Space worker and gateway are processes of their own; Kafka, TorchServe with the compiled package, and Milvus
Lite are real. A film nobody knows is put over HTTP, then asked for until the gateway has its vector (answers
films like it) and, where it has a poster, until its row names it. How long the encoder alone takes for such
films, asked by a worker's client, is told beside it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import msgspec
from rich.console import Console

from benchmarks._backfill import PACKAGE, fill_space, filled, is_filled, put_films
from benchmarks._servers import ready
from benchmarks._services import gateway_client, running, services, wait_for
from benchmarks._timing import percentiles
from benchmarks.report import Goal, publish
from deploy.rollout import Driver
from streaming.control.documents import MEAN, SpaceDocument
from streaming.encoder import EncoderClient
from streaming.events import Item
from streaming.milvus.client import MilvusStore
from streaming.settings import Settings
from trainer.data import load_items, poster_frames, resolve

FILMS = int(os.environ.get("MARQUEE_BENCH_BACKFILL", "1500"))
PROBES = int(os.environ.get("MARQUEE_BENCH_PROBES", "200"))
RATE = 20.0
"""Films a second that others send."""
LONGEST_S = 30.0
POLL_S = 0.005
GOAL_MS = 2_000.0
console = Console(stderr=True)


class NewFilms:
    """Puts films that nobody has sent before, under ids of their own."""

    def __init__(self, settings: Settings, space: SpaceDocument, known: Sequence[Item]) -> None:
        self._settings, self._space, self._known = settings, space, known
        self._numbers = count()
        self._store = MilvusStore(settings)

    def next(self) -> Item:
        """Another one."""
        number = next(self._numbers)
        return msgspec.structs.replace(self._known[number % len(self._known)], item_id=f"new:{number}")

    def put(self, http: httpx.Client, film: Item, poster: bytes | None = None) -> float:
        """Sends it; when the last of it was acknowledged."""
        http.put(f"/v1/items/{film.item_id}", json=msgspec.to_builtins(film)).raise_for_status()
        if poster is not None:
            http.put(f"/v1/items/{film.item_id}/poster", content=poster).raise_for_status()
        return time.perf_counter()

    def seen(self, http: httpx.Client, film: Item, poster: bool) -> bool:
        """Whether it can be recommended now, with its poster if it has one."""
        if http.get(f"/v1/items/{film.item_id}/similar", params={"k": 1}).status_code != 200:
            return False
        if not poster:
            return True
        row = self._store.get_items(self._space.items_collection, [film.item_id]).get(film.item_id)
        return bool(row and row.poster)

    def probe(self, http: httpx.Client, poster: bytes | None = None) -> float:
        """Milliseconds from acknowledgement to being recommendable; :data:`LONGEST_S` at most."""
        film = self.next()
        acknowledged = self.put(http, film, poster)
        while not self.seen(http, film, poster is not None):
            if time.perf_counter() - acknowledged > LONGEST_S:
                break
            # without a pause the gateway would do nothing but answer us
            time.sleep(POLL_S)
        return (time.perf_counter() - acknowledged) * 1000

    def encoder(self, client: EncoderClient, poster: bytes | None) -> float:
        """Milliseconds that the encoder takes for one of them, asked alone."""
        began = time.perf_counter()
        (encoded,) = client.encode([self.next()], [poster])
        assert encoded.vector is not None, encoded.error
        return (time.perf_counter() - began) * 1000


@contextmanager
def others(settings: Settings, films: NewFilms) -> Iterator[Callable[[], float]]:
    """Films of others, :data:`RATE` a second; how many a second it were, so far."""
    over, sent, began = threading.Event(), count(), time.monotonic()
    done = [0]

    def send() -> None:
        with closing(gateway_client(settings)) as http:
            for number in sent:
                if over.wait(max(0.0, began + number / RATE - time.monotonic())):
                    return
                films.put(http, films.next())
                done[0] = number + 1

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield lambda: done[0] / (time.monotonic() - began)
    finally:
        over.set()
        thread.join()


def row(what: str, rate: float, times: list[float], encoder: list[float]) -> dict[str, Any]:
    """The table's row; the share is that of medians."""
    found, alone = percentiles(times), percentiles(encoder)
    return {
        "film": what,
        "others/s": round(rate, 1),
        "probes": found["n"],
        **{f"{name} ms": found[name] for name in ("p50", "p99", "max")},
        "encoder p50 ms": alone["p50"],
        "encoder's share": round(alone["p50"] / found["p50"], 2),
    }


def main() -> None:
    """Probe a quiet stack, without and with posters, then one that others send films to."""
    # what is imported turns it on, a line a request
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with services(milvus=True, torchserve=True) as settings:
        package, engine = ready(PACKAGE, Path(settings.models), compiled=True)
        known = list(load_items(resolve("shipped")))
        put_films(settings, known[:FILMS])
        space = fill_space(settings, package, MEAN)
        poster = poster_frames()[0].read_bytes()
        rows = []
        with running(settings, ("ledger",)), filled(settings, space):
            wait_for(lambda: is_filled(settings, space), 1_800, "the space is filled", 0.5)
            Driver(settings, "benchmark", "films").advance("install", space)
            films = NewFilms(settings, space, known[FILMS:])
            with (
                running(settings, ("gateway",)),
                closing(gateway_client(settings)) as http,
                EncoderClient(settings, space.version, space.package) as client,
            ):
                for what, shown in (("text", None), ("text and poster", poster)):
                    console.print(f"probing by {what}")
                    films.probe(http, shown)
                    times = [films.probe(http, shown) for _ in range(PROBES)]
                    alone = [films.encoder(client, shown) for _ in range(PROBES)]
                    rows.append(row(what, 0.0, times, alone))
                console.print(f"probing beside {RATE:g} films a second")
                with others(settings, films) as rate:
                    films.probe(http)
                    times = [films.probe(http) for _ in range(PROBES)]
                    alone = [films.encoder(client, None) for _ in range(PROBES)]
                    rows.append(row("text", rate(), times, alone))
        publish(
            "films",
            {"films": FILMS, "package": package.manifest.reference, "engine": engine},
            rows,
            [
                Goal(
                    f"new film to recommendable, p99 ms ({one['film']}; {one['others/s']}/s of others)",
                    one["p99 ms"],
                    GOAL_MS,
                    False,
                )
                for one in rows
            ],
        )


if __name__ == "__main__":
    main()
