"""Milliseconds of calls, and what is said of many of them. Pure but for the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np


def timed(call: Callable[[], object]) -> float:
    """Milliseconds that ``call`` took."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """``n``, ``p50``, ``p99`` and ``max`` in ms."""
    values = np.asarray(milliseconds, dtype=np.float64)
    p50, p99 = np.percentile(values, (50, 99))
    return {"n": len(values), "p50": float(p50), "p99": float(p99), "max": float(values.max())}


def interleaved(calls: Sequence[Callable[[int], object]], count: int) -> list[list[float]]:
    """Milliseconds of ``count`` calls of each, in turns, so that all meet the same machine."""
    times: list[list[float]] = [[] for _ in calls]
    for n in range(count):
        # who goes first alternates too
        for place in range(len(calls)) if n % 2 else reversed(range(len(calls))):
            times[place].append(timed(lambda call=calls[place], n=n: call(n)))  # type: ignore[misc]
    return times


def together(call: Callable[[int, int], object], clients: int, count: int) -> tuple[list[float], float]:
    """(ms of each call, calls a second) of ``clients`` threads; ``call`` gets (client, number)."""

    def one(client: int) -> list[float]:
        return [timed(lambda n=n: call(client, n)) for n in range(count // clients)]  # type: ignore[misc]

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        times = [ms for part in pool.map(one, range(clients)) for ms in part]
    return times, len(times) / (time.perf_counter() - began)
