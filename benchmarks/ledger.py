"""Claim: the ledger folds at least 200,000 events per CPU-second in catch-up, exactly once.

Yardsticks in the same run, on the same broker and records: raw consumption, consumption plus decoding,
and quixstreams doing the same fold (in a virtual environment of its own: it pins an older confluent-kafka).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, TopicPartition
from rich.console import Console

from benchmarks._ratings import Event, send, six_thousand_users, zipf_users
from benchmarks._services import end, services, start
from benchmarks.report import Goal, publish
from streaming.events import decode_rating
from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.config import reader_options
from streaming.kafka.offsets import source_ranges
from streaming.settings import Settings
from streaming.topics import TopicNames

EVENTS = int(os.environ.get("MARQUEE_BENCH_EVENTS", "900000"))
QUIX_EVENTS = int(os.environ.get("MARQUEE_BENCH_QUIX_EVENTS", "100000"))
QUIX = Path(__file__).parent / "quixstreams"
console = Console(stderr=True)


def consume(settings: Settings, count: int, decode: bool) -> float:
    """CPU-seconds of this process to consume ``count`` records, decoding each or not."""
    names = TopicNames(settings.namespace)
    options = reader_options(settings, "bench-consumer")
    consumer = Consumer(options | {"queued.min.messages": 200_000, "queued.max.messages.kbytes": 262_144})
    consumer.assign([TopicPartition(names.ratings, p, 0) for p in range(settings.topics.ratings_partitions)])
    seen, cpu = 0, 0.0
    while seen < count:
        messages = consumer.consume(50_000, 0.3)
        if not seen and messages:
            cpu = time.process_time()
        if decode:
            for message in messages:
                decode_rating(message.value())
        seen += len(messages)
    cpu = time.process_time() - cpu
    consumer.close()
    return cpu


def applied(settings: Settings, admin: OffsetAdmin) -> int:
    """Records of ``ratings.v1`` that the ledger group has committed."""
    names = TopicNames(settings.namespace)
    places = [(names.ratings, p) for p in range(settings.topics.ratings_partitions)]
    return sum(r.committed or 0 for r in source_ranges(admin, names.ledger_group, places).values())


def fold(settings: Settings, count: int) -> dict[str, float]:
    """CPU-seconds, wall seconds and memory of a real ledger process from its first commit to its last."""
    admin = OffsetAdmin(settings, "bench-admin")
    child = start(settings, "ledger")
    process = psutil.Process(child.pid)
    first: tuple[float, float, int] | None = None
    while True:
        times = process.cpu_times()
        cpu = times.user + times.system
        done = applied(settings, admin)
        if first is None and done:
            first = (cpu, time.monotonic(), done)
        if done >= count:
            break
        time.sleep(0.05)
    assert first is not None
    times = process.cpu_times()
    memory = process.memory_info().rss / 2**20
    # records before the first look count for nothing, and so does what the process spent until then;
    # where one look saw it all, the whole life of the process counts, its start included
    whole = first[2] >= count
    events = count - (0 if whole else first[2])
    used = times.user + times.system - (0.0 if whole else first[0])
    wall = time.monotonic() - first[1]
    end(child)
    return {"events": events, "cpu_s": used, "wall_s": wall, "rss_mib": memory}


def quixstreams(settings: Settings, count: int) -> dict[str, Any] | None:
    """The same fold by quixstreams over the first ``count`` records; None where it cannot be installed."""
    environment = Path(os.environ.get("MARQUEE_HOME", ".marquee")).absolute() / "bench" / "quixstreams"
    python = environment / "bin" / "python"
    if not python.exists():
        console.print("installing quixstreams into a virtual environment of its own")
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        install = ["uv", "pip", "install", "-q", "--python", str(python), "--require-hashes"]
        subprocess.run([*install, "-r", str(QUIX / "requirements.txt")], check=True)
    names = TopicNames(settings.namespace)
    done = subprocess.run(
        [str(python), str(QUIX / "fold.py"), settings.kafka["bootstrap.servers"], names.ratings, str(count)],
        capture_output=True,
        text=True,
        check=True,
        cwd=settings.home,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def workload(
    name: str, events: list[Event], with_quix: bool
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Rows of the table and the ledger's figures for one workload."""
    with services() as settings:
        console.print(f"{name}: sending {len(events):,} events")
        count = send(settings, events)
        raw, decoded = consume(settings, count, False), consume(settings, count, True)
        figures = fold(settings, count)
        rate = figures["events"] / figures["cpu_s"]
        rows = [
            _row(name, "raw consumption", count / raw, rate),
            _row(name, "consume + decode", count / decoded, rate),
            _row(name, "ledger, exactly once", rate, rate, figures["rss_mib"]),
        ]
        figures["rate"] = rate
        if with_quix:
            other = quixstreams(settings, min(QUIX_EVENTS, count))
            if other:
                figures["quixstreams_rate"] = other["events"] / other["cpu_s"]
                rows.append(_row(name, "quixstreams, the same fold", figures["quixstreams_rate"], rate))
    return rows, figures


def _row(workload: str, what: str, rate: float, ledger: float, memory: float | None = None) -> dict[str, Any]:
    return {
        "workload": workload,
        "what": what,
        "events per CPU-second": round(rate),
        "ledger / it": round(ledger / rate, 3),
        "RSS MiB": round(memory) if memory else "",
    }


def main() -> None:
    """Both workloads; the second without quixstreams."""
    data = Path(os.environ.get("MARQUEE_DATA", "../shared/data"))
    name, events = six_thousand_users(data, EVENTS)
    rows, first = workload(name, events, with_quix=True)
    more, second = workload("200,000 users (Zipf)", list(zipf_users(EVENTS)), with_quix=False)
    publish(
        "ledger",
        {"first": first, "second": second},
        rows + more,
        [
            Goal("events per CPU-second, 6,000 users, catch-up", first["rate"], 200_000),
            Goal("ledger / quixstreams", first["rate"] / first.get("quixstreams_rate", float("inf")), 5),
        ],
    )


if __name__ == "__main__":
    main()
