"""Requests to measure with, sent as Marquee sends them: one after another, and from many clients at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import msgspec
import numpy as np

from handlers.kinds import kind_of
from model_store.probe_items import PROBE_FILMS, PROBE_POSTERS, PROBE_TEXTS
from streaming.encoder import EncoderUnavailableError
from streaming.encoder.connections import ConnectionFailedError, Connections

KIND = "application/msgpack"


def bodies(folder: Path, items: int) -> list[bytes]:
    """Requests of ``items`` items for the package in ``folder``: what its recorded outputs are of."""
    kind = kind_of(folder)
    known: list[object]
    if kind == "item-encoder":
        known = list(PROBE_FILMS)
    elif kind == "text-encoder":
        known = [{"text": text} for text in PROBE_TEXTS]
    else:
        known = [{"poster": poster} for poster in PROBE_POSTERS]
    return [
        msgspec.msgpack.encode({"items": [known[(start + i) % len(known)] for i in range(items)]})
        for start in range(len(known))
    ]


def alone(server: Connections, asked: Sequence[bytes], requests: int) -> float:
    """Milliseconds of a request (p50), none beside it."""
    times = []
    for number in range(requests):
        began = time.perf_counter()
        ask(server, asked[number % len(asked)])
        times.append((time.perf_counter() - began) * 1e3)
    return float(np.median(times))


def together(
    server: Connections, asked: Sequence[bytes], clients: int, seconds: float
) -> tuple[float, float]:
    """(requests a second, ms p99) of ``clients`` that each ask anew once answered, for ``seconds``."""
    numbers, stop = count(), threading.Event()

    def one(_: int) -> list[float]:
        times = []
        while not stop.is_set():
            began = time.perf_counter()
            ask(server, asked[next(numbers) % len(asked)])
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


def ask(server: Connections, body: bytes) -> bytes:
    """The answer to one request.

    Raises:
        EncoderUnavailableError: there is none, or it is not 200.
    """
    try:
        answer = server.post("", body, KIND)
    except ConnectionFailedError as error:
        raise EncoderUnavailableError(f"TorchServe does not answer: {error}") from None
    if answer.status != 200:
        raise EncoderUnavailableError(f"TorchServe answers {answer.status}: {answer.body[:300]!r}")
    return answer.body
