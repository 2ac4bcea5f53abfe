"""CPU-seconds of whole processes, all threads, from their birth: prefetching is work like any other.

A client library fetches and decompresses ahead of whoever consumes, so a clock that starts at the first
record misses most of it. Every contender is therefore a process of its own, whose CPU time up to the last
event is taken less that of the same process started against an empty topic.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

import psutil


@dataclass
class Spent:
    """What one contender used: ``idle_s`` of starts against an empty topic, ``busy_s`` of whole catch-ups."""

    events: int
    idle_s: list[float] = field(default_factory=list)
    busy_s: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)
    rss_mib: float = 0.0

    def rate(self) -> float:
        """Events per CPU-second: the median of the runs, each less the mean start."""
        return self.events / (median(self.busy_s) - mean(self.idle_s))


def cpu_of(process: psutil.Process) -> float:
    """CPU-seconds of a running process since its birth, user and system."""
    times = process.cpu_times()
    return float(times.user + times.system)


def reported(command: Sequence[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> Any:
    """The JSON that a child prints as its last line.

    Raises:
        RuntimeError: the child failed; the message ends with what it wrote.
    """
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[:3]} failed: {done.stderr[-2_000:]}")
    return json.loads(done.stdout.splitlines()[-1])
