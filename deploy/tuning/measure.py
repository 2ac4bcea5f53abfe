"""Measures a package in a TorchServe of its own, setting by setting; nothing else is touched."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from deploy.stack.ports import free_ports
from deploy.stack.torchserve import TorchServe
from deploy.tuning.load import alone, ask, bodies, together
from deploy.tuning.search import best, for_batching, for_workers
from handlers.handler import THREADS_VARIABLE
from handlers.tuning import Serving, Trial, Tuned
from model_store import Package
from model_store.engines import order_engines
from streaming.encoder import EncoderManagement, EncoderUnavailableError
from streaming.encoder.connections import Connections
from streaming.settings import Settings, TorchServeSettings

ALONE = 30
"""Lone requests of a setting."""
WORKERS_S = 180.0
CONNECT_S, ANSWER_S = 5.0, 120.0

Told = Callable[[int, int], None]
"""(settings measured, settings in all)."""


class _Threads(TorchServe):
    """A TorchServe whose workers run their engine with so many threads."""

    threads = 1

    def environment(self) -> Mapping[str, str]:
        """As any, and the threads."""
        return {**super().environment(), THREADS_VARIABLE: str(self.threads)}


def tune(
    package: Package,
    settings: Settings,
    *,
    clients: int = 32,
    items: int = 1,
    seconds: float = 3.0,
    cores: int | None = None,
    told: Told = lambda _done, _all: None,
) -> Tuned:
    """What serves ``package`` best on this machine; not stored yet.

    First workers and threads are chosen, then batch and delay for them. For each number of threads all
    engines are timed before, and workers here try them in that order from then on.

    Args:
        clients: that ask at once.
        items: in a request.
        seconds: of load a setting.
        cores: to share out; all that this process may use by default.

    Raises:
        EncoderUnavailableError: TorchServe cannot serve it.
    """
    asked = bodies(package.path, items)
    first = for_workers(cores or len(os.sched_getaffinity(0)))
    trials: list[Trial] = []
    engine = ""
    timed: set[int] = set()

    def run(tried: list[Serving], of: int) -> None:
        nonlocal engine
        for threads in sorted({serving.threads for serving in tried}):
            if threads not in timed:
                order_engines(package, threads)
                timed.add(threads)
            with _served(package, settings, threads) as there:
                for serving in (one for one in tried if one.threads == threads):
                    with _registered(package, there, serving) as server:
                        engine = str(msgspec.msgpack.decode(ask(server, asked[0]))["engine"])
                        trials.append(_measure(serving, server, asked, clients, items, seconds))
                    told(len(trials), of)

    run(first, len(first) + len(for_batching(first[0])))
    measured = [trial.serving for trial in trials]
    rest = [one for one in for_batching(best(trials).serving) if one not in measured]
    run(rest, len(first) + len(rest))
    return Tuned(
        package=package.manifest.reference,
        best=best(trials).serving,
        trials=tuple(trials),
        engine=engine,
        clients=clients,
        items=items,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@contextlib.contextmanager
def _served(package: Package, settings: Settings, threads: int) -> Iterator[Settings]:
    """Settings that reach a TorchServe of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="marquee-tune-", ignore_cleanup_errors=True) as place:
        server = _Threads(Path(place) / "ts", package.path.parents[1], *free_ports(3), stack_id=place)
        server.threads = threads
        try:
            server.start()
            server.wait_healthy()
            serve = TorchServeSettings.model_validate(
                {"inference_url": server.inference_url, "management_url": server.management_url}
            )
            yield settings.model_copy(update={"torchserve": serve})
        finally:
            server.stop()


@contextlib.contextmanager
def _registered(package: Package, there: Settings, serving: Serving) -> Iterator[Connections]:
    """Connections to its predictions while all its workers are up."""
    name, version = package.manifest.name, package.manifest.version
    management = EncoderManagement(there, name)
    try:
        management.register(
            version, package.archive, serving.workers, batch=serving.batch, delay_ms=serving.delay_ms
        )
        deadline = time.monotonic() + WORKERS_S
        while _ready(management, version) < serving.workers:
            if time.monotonic() > deadline:
                raise EncoderUnavailableError(f"{serving.workers} workers are not up after {WORKERS_S:.0f} s")
            time.sleep(0.2)
        server = Connections(
            f"{there.torchserve.inference_url}/predictions/{name}/{version}", CONNECT_S, ANSWER_S
        )
        try:
            yield server
        finally:
            server.close()
        management.unregister(version)
    finally:
        management.close()


def _ready(management: EncoderManagement, version: str) -> int:
    workers = (management.describe(version) or {}).get("workers", [])
    return sum(worker.get("status") == "READY" for worker in workers)


def _measure(
    serving: Serving,
    server: Connections,
    asked: list[bytes],
    clients: int,
    items: int,
    seconds: float,
) -> Trial:
    together(server, asked, clients, min(1.0, seconds))  # caches, connections, the JVM's compiler
    quiet = alone(server, asked, ALONE)
    rate, p99 = together(server, asked, clients, seconds)
    return Trial(serving=serving, per_s=rate * items, p99_ms=p99, alone_ms=quiet)
