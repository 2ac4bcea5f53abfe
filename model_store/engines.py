"""Tries every engine of a built package: does it load, is it right, how fast is it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from handlers.engines import Engine, candidates, load_probe
from handlers.engines.parity import PROBE_FILE, compare
from handlers.exceptions import HandlerError
from model_store.store import Package

RUNS = 5


class EngineRow(msgspec.Struct, kw_only=True):
    """One engine's result; figures are missing where it did not load."""

    engine: str
    cosine: float | None = None
    length_error: float | None = None
    batch_1_ms: float | None = None
    batch_8_ms: float | None = None
    passed: bool = False
    reason: str = ""


def _milliseconds(engine: Engine, inputs: Mapping[str, npt.NDArray[Any]]) -> float:
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        engine.run(inputs)
        times.append((time.perf_counter() - started) * 1e3)
    return float(np.median(times))


def try_engines(package: Package, threads: int = 1) -> list[EngineRow]:
    """A row for each engine, in the order in which a handler would try them.

    Raises:
        PackageFileError: if the recorded probe cannot be read.
    """
    probe = load_probe(package.path / PROBE_FILE)
    first = {name: value[:1] for name, value in probe.inputs.items()}
    rows = []
    for candidate in candidates(package.path, threads):
        row = EngineRow(engine=candidate.name)
        rows.append(row)
        try:
            engine = candidate.load()
            parity = compare(engine.run(probe.inputs)["vector"], probe.vectors, engine.reduced_precision)
        except HandlerError as error:
            row.reason = str(error)
            continue
        row.cosine, row.length_error, row.passed = parity.cosine, parity.length_error, parity.passed
        row.batch_1_ms, row.batch_8_ms = _milliseconds(engine, first), _milliseconds(engine, probe.inputs)
        row.reason = "" if parity.passed else "outside the parity limits"
    return rows
