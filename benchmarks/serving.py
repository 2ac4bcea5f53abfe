"""Claim: TorchServe costs little: 0.9 of the engine's own throughput at 32 clients, 2 ms (p50) alone.

One worker against the same handler in this process, one thread each, the same requests of one film; alone
by turns. With and without TorchServe's batching. What ``/ping`` costs alone is what client and HTTP cost.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
from rich.console import Console

from benchmarks._timing import interleaved, percentiles, together
from benchmarks.report import Goal, publish
from deploy.stack.ports import free_ports
from deploy.stack.torchserve import TorchServe
from handlers.item_encoder import ItemEncoderHandler
from model_store import ModelStoreError, Package, build
from model_store.compile import quantise_package
from model_store.probe_items import PROBE_ITEMS

PACKAGE = os.environ.get("MARQUEE_BENCH_PACKAGE", "item-encoder")
CLIENTS = 32
REQUESTS = int(os.environ.get("MARQUEE_BENCH_REQUESTS", "640"))
ALONE = int(os.environ.get("MARQUEE_BENCH_LOOKUPS", "100"))
BATCHES = ((1, 0), (16, 1))
"""TorchServe's batch size and delay (ms)."""
KIND = "application/msgpack"
console = Console(stderr=True)


class Context(SimpleNamespace):
    """What the handler asks of TorchServe's context."""

    def get_request_header(self, _index: int, name: str) -> str | None:
        return KIND if name == "Content-Type" else None

    def set_response_status(self, *_: Any) -> None:
        raise RuntimeError("a request was refused")

    def set_response_content_type(self, *_: Any) -> None:
        pass


def bodies() -> list[bytes]:
    """One film a request, of the lengths of the probe."""
    return [msgspec.msgpack.encode({"items": [item]}) for item in PROBE_ITEMS if item.title]


@contextlib.contextmanager
def served(package: Package, folder: Path) -> Iterator[tuple[TorchServe, httpx.Client]]:
    """A TorchServe with nothing registered, and a client of it."""
    server = TorchServe(folder / "torchserve", package.path.parents[1], *free_ports(3), stack_id=str(folder))
    server.start()
    try:
        server.wait_healthy()
        limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
        with httpx.Client(timeout=120, trust_env=False, limits=limits) as http:
            yield server, http
    finally:
        server.stop()


@contextlib.contextmanager
def registered(
    server: TorchServe, http: httpx.Client, package: Package, batch: int, delay_ms: int
) -> Iterator[str]:
    """The URL of its predictions while it is registered so."""
    name, version = package.manifest.name, package.manifest.version
    parameters = {
        "url": package.archive.absolute().as_uri(),
        "model_name": name,
        "batch_size": str(batch),
        "max_batch_delay": str(delay_ms),
        "initial_workers": "1",
        "synchronous": "true",
    }
    http.post(f"{server.management_url}/models", params=parameters).raise_for_status()
    try:
        yield f"{server.inference_url}/predictions/{name}/{version}"
    finally:
        http.delete(f"{server.management_url}/models/{name}/{version}").raise_for_status()


def row(by: str, clients: int, times: list[float], rate: float, ratio: float) -> dict[str, Any]:
    """A line of the table; ``ratio`` is of throughputs, 0 where none is claimed."""
    return {"by": by, "clients": clients, "per_s": rate, "ratio": ratio, **percentiles(times)}


def main() -> None:
    """In this process, then through TorchServe, alone and with 32 clients."""
    # a line for each request would cost more than the claim allows
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asked = bodies()
    rows: list[dict[str, Any]] = []
    overhead = float("inf")
    with tempfile.TemporaryDirectory(prefix="marquee-bench-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        package = build(PACKAGE, folder / "models", step=console.print)
        try:
            quantise_package(package)
        except ModelStoreError as error:
            console.print(f"left out: {error}")
        handler = ItemEncoderHandler()
        handler.initialize(Context(system_properties={"model_dir": str(package.path)}))
        lock = threading.Lock()

        def here(number: int) -> None:
            # one worker serves one batch at a time
            with lock:
                handler.handle([{"body": asked[number % len(asked)]}], Context())

        own, own_rate = together(lambda c, n: here(c + n), CLIENTS, REQUESTS)
        rows.append(
            {"by": "in process", "clients": CLIENTS, "per_s": own_rate, "ratio": 1.0, **percentiles(own)}
        )
        with served(package, folder) as (server, http):
            for batch, delay in BATCHES:
                with registered(server, http, package, batch, delay) as url:

                    def there(number: int, url: str = url) -> None:
                        body = asked[number % len(asked)]
                        http.post(url, content=body, headers={"content-type": KIND}).raise_for_status()

                    for number in range(16):
                        there(number)
                    label = f"TorchServe, batch {batch}, delay {delay} ms"
                    times, rate = together(lambda c, n, there=there: there(c + n), CLIENTS, REQUESTS)  # type: ignore[misc]
                    rows.append(row(label, CLIENTS, times, rate, rate / own_rate))
                    if batch == 1:

                        def ping(_: int) -> None:
                            http.get(f"{server.inference_url}/ping").raise_for_status()

                        mine, theirs, pings = interleaved([here, there, ping], ALONE)
                        for name, alone in (("in process", mine), (label, theirs), ("/ping", pings)):
                            rows.append(row(name, 1, alone, 1e3 * len(alone) / sum(alone), 0.0))
                        overhead = percentiles(theirs)["p50"] - percentiles(mine)["p50"]
    best = max(row["ratio"] for row in rows[1:] if row["clients"] == CLIENTS)
    publish(
        "serving",
        {"package": package.manifest.reference, "requests": REQUESTS},
        rows,
        [
            Goal("throughput over the engine in process, 32 clients", best, 0.9),
            Goal("overhead of a lone request, p50 ms", overhead, 2.0, at_least=False),
        ],
    )


if __name__ == "__main__":
    main()
