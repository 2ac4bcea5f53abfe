"""Requests to measure with: one after another, and from many clients at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import httpx
import msgspec
import numpy as np

from handlers.kinds import kind_of
from model_store.probe_items import PROBE_ITEMS, PROBE_POSTERS, PROBE_TEXTS

KIND = "application/msgpack"


def bodies(folder: Path, items: int) -> list[bytes]:
    """Requests of ``items`` items for the package in ``folder``: what its recorded outputs are of."""
    kind = kind_of(folder)
    known: list[object]
    if kind == "item-encoder":
        known = list(PROBE_ITEMS)
    elif kind == "text-encoder":
        known = [{"text": text} for text in PROBE_TEXTS]
    else:
        known = [{"poster": poster} for poster in PROBE_POSTERS]
    return [
        msgspec.msgpack.encode({"items": [known[(start + i) % len(known)] for i in range(items)]})
        for start in range(len(known))
    ]


def alone(http: httpx.Client, url: str, asked: Sequence[bytes], requests: int) -> float:
    """Milliseconds of a request (p50), none beside it."""
    times = []
    for number in range(requests):
        began = time.perf_counter()
        _ask(http, url, asked[number % len(asked)])
        times.append((time.perf_counter() - began) * 1e3)
    return float(np.median(times))


def together(
    http: httpx.Client, url: str, asked: Sequence[bytes], clients: int, seconds: float
) -> tuple[float, float]:
    """(requests a second, ms p99) of ``clients`` that each ask anew once answered, for ``seconds``."""
    numbers, stop = count(), threading.Event()

    def one(_: int) -> list[float]:
        times = []
        while not stop.is_set():
            began = time.perf_counter()
            _ask(http, url, asked[next(numbers) % len(asked)])
            times.append((time.perf_counter() - began) * 1e3)
        return times

    with ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        running = [pool.submit(one, client) for client in range(clients)]
        try:
            time.sleep(seconds)
        finally:
            stop.set()
        times = [ms for part in running for ms in part.result()]
        took = time.perf_counter() - began
    return len(times) / took, float(np.percentile(times, 99))


def _ask(http: httpx.Client, url: str, body: bytes) -> None:
    http.post(url, content=body, headers={"content-type": KIND}).raise_for_status()
