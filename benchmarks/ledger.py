"""Claim: the ledger folds at least 200,000 events per CPU-second in catch-up, exactly once.

Yardsticks in the same run, on the same broker and records: raw consumption, consumption plus decoding, and
quixstreams doing the same fold (in a virtual environment of its own: it pins an older confluent-kafka). Each
is a process of its own; its CPU time from birth to the last event counts, less that of a start on an empty
topic.
And: how long micro-batches take at 1,000 events a second.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from benchmarks._background import background
from benchmarks._buckets import at_most, bucket_counts, less
from benchmarks._cpu import Spent, cpu_of, reported
from benchmarks._ratings import Event, send, six_thousand_users, zipf_users
from benchmarks._services import end, services, start, wait_for
from benchmarks._space import ask_text, status_of
from benchmarks.report import Goal, publish
from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.offsets import source_ranges
from streaming.settings import Settings
from streaming.topics import TopicNames, fixed_topics
from streaming.topics.admin import ensure
from tests.support import settings_env

EVENTS = int(os.environ.get("MARQUEE_BENCH_EVENTS", "1000000"))
QUIX_EVENTS = int(os.environ.get("MARQUEE_BENCH_QUIX_EVENTS", "300000"))
REPEATS = int(os.environ.get("MARQUEE_BENCH_REPEATS", "3"))
BATCH_SECONDS = int(os.environ.get("MARQUEE_BENCH_BATCH_SECONDS", "60"))
RATE = 1_000
QUIX = Path(__file__).parent / "quixstreams"
TIMED = "marquee_ledger_transaction_seconds"
console = Console(stderr=True)


def sibling(settings: Settings, name: str) -> Settings:
    """The same services under another, empty namespace and home."""
    home = settings.home / name
    home.mkdir()
    other = settings.model_copy(update={"namespace": f"{settings.namespace}{name}", "home": home})
    ensure(other, fixed_topics(other))
    return other


def consume(settings: Settings, count: int, how: str) -> dict[str, Any]:
    """What a process reports that consumes ``count`` records, ``raw`` or to ``decode`` them."""
    found: dict[str, Any] = reported(
        [sys.executable, "-m", "benchmarks._consume", str(count), how],
        env={**os.environ, **settings_env(settings)},
    )
    return found


def applied(settings: Settings, admin: OffsetAdmin) -> int:
    """Records of ``ratings.v1`` that the ledger group has committed."""
    names = TopicNames(settings.namespace)
    places = [(names.ratings, p) for p in range(settings.topics.ratings_partitions)]
    return sum(r.committed or 0 for r in source_ranges(admin, names.ledger_group, places).values())


def idle(settings: Settings) -> float:
    """CPU-seconds of a ledger until it folds every (empty) partition."""
    child = start(settings, "ledger")
    process = psutil.Process(child.pid)

    def folding() -> bool:
        parts = (status_of(settings, "ledger") or {}).get("partitions", {})
        return len(parts) == settings.topics.ratings_partitions and all(
            part["phase"] == "ready" for part in parts.values()
        )

    try:
        wait_for(folding, 60, "the ledger folds every partition", 0.2)
        return cpu_of(process)
    finally:
        end(child)


def caught_up(settings: Settings, count: int) -> tuple[float, float, float]:
    """(CPU-seconds from birth, wall seconds from birth, MiB) of a ledger when ``count`` are committed."""
    admin, began = OffsetAdmin(settings, "bench-admin"), time.monotonic()
    child = start(settings, "ledger")
    process = psutil.Process(child.pid)
    try:
        wait_for(lambda: applied(settings, admin) >= count, 600, "everything is committed")
        return cpu_of(process), time.monotonic() - began, process.memory_info().rss / 2**20
    finally:
        end(child)
        admin.close()


def quixstreams(settings: Settings, topic: str, count: int) -> dict[str, Any]:
    """The same fold by quixstreams over ``count`` records of ``topic``."""
    environment = Path(os.environ.get("MARQUEE_HOME", ".marquee")).absolute() / "bench" / "quixstreams"
    python = environment / "bin" / "python"
    if not python.exists():
        console.print("installing quixstreams into a virtual environment of its own")
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        install = ["uv", "pip", "install", "-q", "--python", str(python), "--require-hashes"]
        subprocess.run([*install, "-r", str(QUIX / "requirements.txt")], check=True)
    found: dict[str, Any] = reported(
        [str(python), str(QUIX / "fold.py"), settings.kafka["bootstrap.servers"], topic, str(count)],
        cwd=settings.home,
    )
    return found


def _contender(events: int, run: Callable[[int], dict[str, Any]]) -> Spent:
    """One that reports its own CPU-seconds, started for nothing and for everything."""
    spent = Spent(events)
    for _ in range(REPEATS):
        spent.idle_s.append(run(0)["cpu_s"])
        found = run(events)
        spent.busy_s.append(found["cpu_s"])
        spent.wall_s.append(found["wall_s"])
    return spent


def workload(name: str, events: list[Event], with_quix: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of the table and the figures for one workload."""
    with services() as settings:
        nothing = sibling(settings, "empty")
        ours = Spent(len(events))
        for n in range(REPEATS):
            run = sibling(settings, f"run{n}")
            console.print(f"{name}: sending {len(events):,} events, folding them ({n + 1} of {REPEATS})")
            send(run, events)
            ours.idle_s.append(idle(sibling(settings, f"idle{n}")))
            cpu, wall, ours.rss_mib = caught_up(run, len(events))
            ours.busy_s.append(cpu)
            ours.wall_s.append(wall)
        console.print(f"{name}: consuming them")
        send(settings, events)
        found = {"ledger": ours}
        for how in ("raw", "decode"):
            found[how] = _contender(
                len(events),
                lambda count, how=how: consume(settings if count else nothing, count, how),  # type: ignore[misc]
            )
        if with_quix:
            found["quixstreams"] = Spent(min(QUIX_EVENTS, len(events)))
            few = sibling(settings, "quix")
            send(few, events[:QUIX_EVENTS])
            console.print(f"{name}: {found['quixstreams'].events:,} by quixstreams")
            for topic, count in ((nothing, 0), (few, found["quixstreams"].events)):
                got = quixstreams(settings, TopicNames(topic.namespace).ratings, count)
                assert got["events"] >= count, got
                found["quixstreams"].wall_s.append(got["wall_s"])
                (found["quixstreams"].busy_s if count else found["quixstreams"].idle_s).append(got["cpu_s"])
    figures = {what: asdict(spent) | {"rate": spent.rate()} for what, spent in found.items()}
    return [_row(name, what, spent, ours) for what, spent in found.items()], figures


WHAT = {
    "ledger": "ledger, exactly once",
    "raw": "raw consumption",
    "decode": "consume + decode",
    "quixstreams": "quixstreams, the same fold",
}


def _row(workload: str, what: str, spent: Spent, ledger: Spent) -> dict[str, Any]:
    return {
        "workload": workload,
        "what": WHAT[what],
        "events": spent.events,
        "events per CPU-second": round(spent.rate()),
        "ledger / it": round(ledger.rate() / spent.rate(), 3),
        "CPU-s, start alone": round(sum(spent.idle_s) / len(spent.idle_s), 2),
        "RSS MiB": round(spent.rss_mib) if spent.rss_mib else "",
    }


def batches() -> dict[str, Any]:
    """Micro-batches of a real ledger while others rate: its own histogram over the time."""
    with services() as settings:
        child = start(settings, "ledger")
        try:
            wait_for(lambda: status_of(settings, "ledger"), 60, "the ledger answers")
            with background(settings, RATE, users=6_000, films=4_000) as reached:
                time.sleep(5)
                before = bucket_counts(ask_text(settings, "ledger", "/metrics"), TIMED)
                cpu = cpu_of(psutil.Process(child.pid))
                console.print(f"{BATCH_SECONDS} s of micro-batches at {RATE:,} events/s")
                time.sleep(BATCH_SECONDS)
                cpu = cpu_of(psutil.Process(child.pid)) - cpu
                counts = less(bucket_counts(ask_text(settings, "ledger", "/metrics"), TIMED), before)
        finally:
            end(child)
    return {
        "events_a_second": reached[0],
        "batches": counts[float("inf")],
        "p50_ms_at_most": 1000 * at_most(counts, 0.5),
        "p99_ms_at_most": 1000 * at_most(counts, 0.99),
        "cpu_share": cpu / BATCH_SECONDS,
    }


def main() -> None:
    """Both workloads, the second without quixstreams; then micro-batches."""
    data = Path(os.environ.get("MARQUEE_DATA", "../shared/data"))
    name, events = six_thousand_users(data, EVENTS)
    rows, first = workload(name, events, with_quix=True)
    more, second = workload("200,000 users (Zipf)", list(zipf_users(EVENTS)), with_quix=False)
    micro = batches()
    rate = first["ledger"]["rate"]
    publish(
        "ledger",
        {"first": first, "second": second, "micro_batches": micro, "repeats": REPEATS},
        rows + more,
        [
            Goal(f"events per CPU-second, {name}, catch-up", rate, 200_000),
            Goal("ledger / quixstreams", rate / first["quixstreams"]["rate"], 5),
            Goal(f"p99 ms of a micro-batch at {RATE:,} events/s", micro["p99_ms_at_most"], 60, False),
        ],
    )


if __name__ == "__main__":
    main()
