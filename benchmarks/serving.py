"""Claim: TorchServe costs little, and no more than LitServe.

One worker against the same handler in this process, and against LitServe serving that handler (in a virtual
environment of its own), one thread each, the same requests of one film, by turns in one run. Wanted: 0.9 of
the throughput in process at 32 clients, 2 ms (p50) more alone, at or ahead of LitServe on throughput and p99.
With and without batching. What ``/ping`` costs alone is what client and HTTP cost. Of the handler in process
that counts which is faster: 32 threads that wait for it in turn, or one that does nothing but call it.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
from rich.console import Console

from benchmarks._context import Context
from benchmarks._servers import litserve, ready, registered, torchserve
from benchmarks._timing import interleaved, percentiles, together
from benchmarks.report import Goal, publish
from deploy.tuning.load import ask
from handlers.item_encoder import ItemEncoderHandler
from model_store import Package
from model_store.probe_items import PROBE_FILMS
from streaming.encoder.connections import Connections

PACKAGE = os.environ.get("MARQUEE_BENCH_PACKAGE", "item-encoder")
CLIENTS, ROUNDS = 32, 3
REQUESTS = int(os.environ.get("MARQUEE_BENCH_REQUESTS", "960"))
ALONE = int(os.environ.get("MARQUEE_BENCH_LOOKUPS", "100"))
BATCHES = ((1, 0), (16, 1))
"""Batch size and delay (ms) of both servers."""
HERE, OURS, THEIRS = "in process", "TorchServe", "LitServe"
LOOP = "in process, one thread"
Call = Callable[[int], object]
console = Console(stderr=True)


def bodies() -> list[bytes]:
    """One film a request, of the lengths of the probe."""
    return [msgspec.msgpack.encode({"items": [item]}) for item in PROBE_FILMS if item.title]


def in_process(package: Package, asked: list[bytes]) -> Callable[[int], Call]:
    """The handler itself: batch -> calls of so many requests at once."""
    handler, lock = ItemEncoderHandler(), threading.Lock()
    handler.initialize(Context(system_properties={"model_dir": str(package.path)}))

    def of(batch: int) -> Call:
        def call(number: int) -> None:
            some = [{"body": asked[(number * batch + i) % len(asked)]} for i in range(batch)]
            # one worker serves one batch at a time
            with lock:
                handler.handle(some, Context())

        return call

    return of


def crowded(calls: Mapping[str, Call], batch: int) -> dict[str, tuple[list[float], float]]:
    """(ms of each call, requests a second) with all clients, in rounds, so that all meet the same machine.

    A call of :data:`LOOP` is ``batch`` requests, any other is one. The first round, in which servers get
    warm, does not count.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    seconds = dict.fromkeys(calls, 0.0)
    for turn in range(ROUNDS + 1):
        for name, call in calls.items():
            clients, count = (1, REQUESTS // batch) if name == LOOP else (CLIENTS, REQUESTS)
            some, rate = together(lambda c, n, call=call: call(c + n), clients, count // ROUNDS)  # type: ignore[misc]
            if turn:
                times[name] += some
                seconds[name] += len(some) / rate
    return {
        name: (some, len(some) * (batch if name == LOOP else 1) / seconds[name])
        for name, some in times.items()
    }


def main() -> None:
    """In this process, through TorchServe and through LitServe, with 32 clients and alone."""
    # a line for each request would cost more than the claim allows
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asked = bodies()
    rows: list[dict[str, Any]] = []
    overhead = {OURS: float("inf"), THEIRS: float("inf")}
    with tempfile.TemporaryDirectory(prefix="marquee-bench-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        package, engine = ready(PACKAGE, folder / "models", compiled=True)
        here = in_process(package, asked)
        with torchserve(package, folder) as server, httpx.Client(timeout=120, trust_env=False) as http:

            def through(url: str) -> Call:
                connections = Connections(url, 5, 120)
                return lambda number: ask(connections, asked[number % len(asked)])

            for batch, delay in BATCHES:
                with (
                    registered(server, http, package, batch, delay) as ours,
                    litserve(package, folder, batch, delay) as (theirs, _),
                ):
                    calls = {HERE: here(1), OURS: through(ours), THEIRS: through(theirs)}
                    for call in calls.values():
                        for number in range(16):
                            call(number)
                    found = crowded({LOOP: here(batch), **calls}, batch)
                    fastest = max(found[HERE][1], found[LOOP][1])
                    for by, (times, rate) in found.items():
                        rows.append(row(by, batch, 1 if by == LOOP else CLIENTS, times, rate, rate / fastest))
                    if batch == 1:
                        calls["TorchServe's /ping"] = through(f"{server.inference_url}/ping")
                        alone = dict(zip(calls, interleaved(list(calls.values()), ALONE), strict=True))
                        for by, times in alone.items():
                            rows.append(row(by, batch, 1, times, 1e3 * len(times) / sum(times), 0.0))
                        for by in overhead:
                            overhead[by] = percentiles(alone[by])["p50"] - percentiles(alone[HERE])["p50"]
    ours_best, theirs_best = (
        max((r for r in rows if r["by"] == by and r["clients"] == CLIENTS), key=lambda r: float(r["per_s"]))
        for by in (OURS, THEIRS)
    )
    publish(
        "serving",
        {
            "package": package.manifest.reference,
            "engine": engine,
            "requests": REQUESTS,
            "litserve_overhead_p50_ms": overhead[THEIRS],
        },
        rows,
        [
            Goal("throughput over the engine in process, 32 clients", ours_best["ratio"], 0.9),
            Goal("overhead of a lone request, p50 ms", overhead[OURS], 2.0, at_least=False),
            Goal(
                "throughput over LitServe's, each at its best", ours_best["per_s"] / theirs_best["per_s"], 1.0
            ),
            Goal("p99 over LitServe's, there", ours_best["p99"] / theirs_best["p99"], 1.0, at_least=False),
        ],
    )


def row(by: str, batch: int, clients: int, times: list[float], rate: float, ratio: float) -> dict[str, Any]:
    """A line of the table; ``ratio`` is to the faster throughput in process, 0 where none is claimed."""
    return {
        "by": by,
        "batch": batch,
        "clients": clients,
        "per_s": rate,
        "ratio": ratio,
        **percentiles(times),
    }


if __name__ == "__main__":
    main()
