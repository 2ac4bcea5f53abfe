"""Claim: a ledger hands over within 3 s of SIGTERM, and is replaced within 20 s of kill -9 plus loading.

Two ledgers share the partitions of a broker that holds many user documents; ratings keep coming. One ledger
is asked to end, or killed; the clock stops when the other folds every partition and answers for its users.
How long documents take to load is measured by itself: a ledger without local files, from assignment to ready.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks._services import end, services, start, wait_for
from benchmarks._space import ask, make_films, put_documents
from benchmarks.report import Goal, publish
from streaming.control.presence import read_presence
from streaming.settings import Settings
from tests.support import settings_env

RATINGS = int(os.environ.get("MARQUEE_BENCH_RATINGS", "1000000"))
TRIALS = int(os.environ.get("MARQUEE_BENCH_TRIALS", "5"))
RATE, LIKES, FILMS = 200, 100, 5_000
console = Console(stderr=True)
Child = subprocess.Popen[bytes]


class Ledgers:
    """Ledgers by instance, as their own ``/status`` shows them."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._addresses = settings, dict[str, str]()
        self.children: dict[str, Child] = {}

    def start(self, instance: str) -> None:
        """Another ledger; its address is known when this returns."""
        child = start(self._settings, "ledger", instance=instance)
        self.children[instance] = child

        def known() -> str | None:
            beats = read_presence(self._settings).values()
            return next((b.address for b in beats if b.pid == child.pid), None)

        self._addresses[instance] = wait_for(known, 60, f"ledger {instance} reports itself") or ""

    def owned(self, instance: str) -> dict[str, str]:
        """Partition -> phase, of what the ledger owns now."""
        status = ask(self._settings, self._addresses[instance], "/status")
        return {} if status is None else {n: p["phase"] for n, p in status["partitions"].items()}

    def ready(self, instance: str, partitions: int, timeout_s: float = 300) -> None:
        """Wait until the ledger folds exactly so many partitions."""

        def enough() -> bool:
            phases = self.owned(instance)
            return len(phases) == partitions and set(phases.values()) == {"ready"}

        wait_for(enough, timeout_s, f"ledger {instance} folds {partitions} partitions", 0.02)

    def close(self) -> None:
        """End them all."""
        for child in self.children.values():
            end(child)


@contextlib.contextmanager
def traffic(settings: Settings) -> Iterator[None]:
    """Ratings of others, so that batches are open when the moment comes."""
    command = [sys.executable, "-m", "benchmarks._background", str(RATE), "1000", str(FILMS)]
    child = subprocess.Popen(command, env={**os.environ, **settings_env(settings)}, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        end(child)


def start_seconds(settings: Settings) -> float:
    """Seconds of a ledger without local files from its birth to folding every partition."""
    ledgers, partitions = Ledgers(settings), settings.topics.ratings_partitions
    try:
        began = time.monotonic()
        ledgers.start("loader")
        ledgers.ready("loader", partitions)
        return time.monotonic() - began
    finally:
        ledgers.close()
        shutil.rmtree(settings.home / "state" / "ledger-loader")


def trial(settings: Settings, ledgers: Ledgers, number: int, kill: bool) -> float:
    """Seconds from the end of one of two ledgers until the other folds everything."""
    partitions = settings.topics.ratings_partitions
    leaves, stays = ("a", "b") if number % 2 == 0 else ("b", "a")
    child = ledgers.children[leaves]
    began = time.monotonic()
    if kill:
        child.kill()
    else:
        child.terminate()
    ledgers.ready(stays, partitions)
    seconds = time.monotonic() - began
    child.wait(20)
    # its next life shares the partitions again
    ledgers.start(leaves)
    for instance in ("a", "b"):
        ledgers.ready(instance, partitions // 2)
    time.sleep(1)
    return seconds


def row(what: str, seconds: list[float]) -> dict[str, Any]:
    """The table's row."""
    return {
        "what": what,
        "trials": len(seconds),
        "median s": float(np.median(seconds)),
        "longest s": float(max(seconds)),
    }


def main() -> None:
    """Load, then leave and be killed, in turns."""
    with services() as settings:
        ledgers = Ledgers(settings)
        try:
            # a busy loader answers nobody: its share is what documents add to a start
            empty = start_seconds(settings)
            console.print(f"writing documents of {RATINGS:,} ratings")
            put_documents(settings, make_films(FILMS, dim=2), RATINGS // LIKES, LIKES)
            loading = start_seconds(settings) - empty
            per_million = loading / (RATINGS / 1e6)
            console.print(f"loading {RATINGS:,} ratings: {loading:.1f} s")
            partitions = settings.topics.ratings_partitions
            ledgers.start("a")
            ledgers.ready("a", partitions)
            ledgers.start("b")
            for instance in ("a", "b"):
                ledgers.ready(instance, partitions // 2)
            with traffic(settings):
                time.sleep(2)
                console.print("handing over by SIGTERM")
                handed = [trial(settings, ledgers, n, kill=False) for n in range(TRIALS)]
                console.print("taking over after kill -9")
                taken = [trial(settings, ledgers, n, kill=True) for n in range(TRIALS)]
        finally:
            ledgers.close()
        most = 20.0 + loading / 2
        publish(
            "takeover",
            {
                "ratings": RATINGS,
                "load_s": loading,
                "load_s_per_million_ratings": per_million,
                "handed_over_s": handed,
                "taken_over_s": taken,
            },
            [
                row("SIGTERM to everything folded by the other", handed),
                row("kill -9 to everything folded by the other", taken),
                row("loading per million ratings", [per_million]),
            ],
            [
                Goal("hand-over by SIGTERM, longest, s", max(handed), 3.0, False),
                Goal(
                    "after kill -9, longest, s (20 and loading half the documents)", max(taken), most, False
                ),
            ],
        )


if __name__ == "__main__":
    main()
