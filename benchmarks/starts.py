"""How long a start takes and what a worker costs: TorchServe and LitServe with one package, no goals.

Medians of three. A start is complete with its first answer; ``worker_s`` is that of a worker where the server
runs already. ``second_worker_s`` is from one worker to two that are ready, without a gap in service: LitServe
has no such thing, it is started anew with two. Memory is what processes have for themselves (USS), in MiB.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
from rich.console import Console

from benchmarks._servers import litserve, ready, registered, torchserve
from benchmarks.report import publish
from benchmarks.serving import bodies
from deploy.tuning.load import ask
from model_store import Package
from streaming.encoder.connections import Connections

PACKAGE = os.environ.get("MARQUEE_BENCH_PACKAGE", "item-encoder")
REPEATS = 3
console = Console(stderr=True)


def mib(process: psutil.Process) -> float:
    """Its own memory."""
    return float(process.memory_full_info().uss) / 2**20


def of_torchserve(package: Package, folder: Path, body: bytes) -> dict[str, float]:
    """One start, a worker more."""
    began = time.perf_counter()
    with torchserve(package, folder) as server, httpx.Client(timeout=120, trust_env=False) as http:
        up = time.perf_counter()
        with registered(server, http, package, 1, 0) as url:
            ask(Connections(url, 5, 120), body)
            answered = time.perf_counter()
            model = f"{server.management_url}/models/{package.manifest.name}/{package.manifest.version}"
            (worker,) = http.get(model).raise_for_status().json()[0]["workers"]
            memory = mib(psutil.Process(int(worker["pid"])))
            frontend = mib(psutil.Process(int(worker["pid"])).parent())  # type: ignore[arg-type]
            asked = time.perf_counter()
            http.put(model, params={"min_worker": "2", "synchronous": "true"}).raise_for_status()
            ready = time.perf_counter()
            states = [w["status"] for w in http.get(model).raise_for_status().json()[0]["workers"]]
            assert states == ["READY", "READY"], states
    return {
        "start_s": answered - began,
        "worker_s": answered - up,
        "second_worker_s": ready - asked,
        "worker_mib": memory,
        "frontend_mib": frontend,
    }


def of_litserve(package: Package, folder: Path, body: bytes) -> dict[str, float]:
    """One start with one worker, one with two."""
    took = []
    for workers in (1, 2):
        began = time.perf_counter()
        with litserve(package, folder, 1, 0, workers) as (url, process):
            ask(Connections(url, 5, 120), body)
            took.append(time.perf_counter() - began)
            if workers == 1:
                # the model is loaded in the largest of its processes
                memory, *others = sorted(map(mib, [process, *process.children(recursive=True)]), reverse=True)
    return {
        "start_s": took[0],
        "worker_s": float("nan"),
        "second_worker_s": took[1],
        "worker_mib": memory,
        "frontend_mib": sum(others),
    }


def main() -> None:
    """By turns."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    (body, *_) = bodies()
    found: dict[str, list[dict[str, float]]] = {"TorchServe": [], "LitServe": []}
    with tempfile.TemporaryDirectory(prefix="marquee-bench-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        package, engine = ready(PACKAGE, folder / "models")
        with litserve(package, folder, 1, 0):
            console.print("both are installed")
        for number in range(REPEATS):
            console.print(f"start {number + 1} of {REPEATS}")
            found["TorchServe"].append(of_torchserve(package, folder, body))
            found["LitServe"].append(of_litserve(package, folder, body))
    rows: list[dict[str, Any]] = [
        {"by": by, **{name: median(one[name] for one in some) for name in some[0]}}
        for by, some in found.items()
    ]
    figures = {"package": package.manifest.reference, "engine": engine, "repeats": REPEATS}
    publish("starts", figures, rows, [])


if __name__ == "__main__":
    main()
