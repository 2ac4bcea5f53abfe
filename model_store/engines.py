"""Tries every engine of a built package: does it load, is it right, how fast is it beside eager."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec
import numpy as np

from handlers.engines import Engine, candidates, load_probe
from handlers.engines.choose import listed
from handlers.engines.order import save_speeds
from handlers.engines.parity import PROBE_FILE, compare
from handlers.exceptions import HandlerError
from model_store.store import Package
from model_store.timed import BATCH, Inputs, batch_of, timed_inputs

RUNS = 7
EAGER = "eager"


class EngineRow(msgspec.Struct, kw_only=True):
    """One engine's result; figures are missing where it did not load."""

    engine: str
    cosine: float | None = None
    length_error: float | None = None
    batch_1_ms: float | None = None
    batch_16_ms: float | None = None
    ratio_to_eager: float | None = None
    """Eager's time at batch 16 over this one's, measured by turns in one run."""
    passed: bool = False
    taken: bool = False
    """Whether a handler would serve by it: the first that passes, in its order."""
    reason: str = ""
    shortest_16_ms: float | None = None
    """The shortest of its times at batch 16: what else the machine did is in none of it."""
    more_ms: dict[str, float] = {}
    """Milliseconds of other inputs that the caller named."""


def _by_turns(engines: Mapping[str, Engine], inputs: Inputs) -> dict[str, list[float]]:
    """Milliseconds of each; they take turns, so that all meet the same machine."""
    times: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(RUNS + 1):
        for name, engine in engines.items():
            started = time.perf_counter()
            engine.run(inputs)
            if number:  # the first is for caches
                times[name].append((time.perf_counter() - started) * 1e3)
    return times


def _medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: float(np.median(of)) for name, of in times.items()}


def try_engines(
    package: Package, threads: int = 1, more: Mapping[str, Inputs] | None = None
) -> list[EngineRow]:
    """A row for each engine, in the order in which a handler would try them, timed by films.

    Args:
        more: other inputs to time, by what they are called.

    Raises:
        PackageFileError: if the recorded probe cannot be read.
    """
    probe = load_probe(package.path / PROBE_FILE)
    rows: dict[str, EngineRow] = {}
    loaded: dict[str, Engine] = {}
    for candidate in candidates(package.path, threads):
        row = rows[candidate.name] = EngineRow(engine=candidate.name)
        try:
            engine = candidate.load()
            parity = compare(engine.run(probe.inputs)["vector"], probe.vectors, engine.reduced_precision)
        except HandlerError as error:
            row.reason = str(error)
            continue
        except Exception as error:  # as when it is chosen: one that crashes must not hide the others
            row.reason = f"failed on its probe: {error!r}"
            continue
        loaded[candidate.name] = engine
        row.cosine, row.length_error, row.passed = parity.cosine, parity.length_error, parity.passed
        row.reason = "" if parity.passed else "outside the parity limits"
    films = timed_inputs(package)
    first = _medians(_by_turns(loaded, batch_of(films, 1)))
    times = _by_turns(loaded, films)
    many = _medians(times)
    others = {called: _medians(_by_turns(loaded, inputs)) for called, inputs in (more or {}).items()}
    for name in loaded:
        rows[name].batch_1_ms, rows[name].batch_16_ms = first[name], many[name]
        rows[name].shortest_16_ms = min(times[name])
        if EAGER in many:
            rows[name].ratio_to_eager = many[EAGER] / many[name]
        rows[name].more_ms = {called: some[name] for called, some in others.items()}
    return _judged(package, list(rows.values()), threads)


def order_engines(package: Package, threads: int = 1) -> list[EngineRow]:
    """As :func:`try_engines`, and from now on workers here try engines by what was measured.

    Eager stays last: a worker that runs it holds all of PyTorch, for what differs little from chance.

    Raises:
        PackageFileError: if the recorded probe cannot be read, or there is no room for what was measured.
    """
    rows = try_engines(package, threads)
    ms = {
        row.engine: row.shortest_16_ms
        for row in rows
        if row.passed and row.shortest_16_ms is not None and row.engine != EAGER
    }
    save_speeds(package.path, threads, BATCH, ms)
    return _judged(package, rows, threads)


def _judged(package: Package, rows: list[EngineRow], threads: int) -> list[EngineRow]:
    """``rows`` in the order in which a handler would try them now, and which one it would take."""
    by_name = {row.engine: row for row in rows}
    before = [one.name for one in listed(package.path, threads)]
    ordered = [by_name[one.name] for one in candidates(package.path, threads)]
    taken = next((row for row in ordered if row.passed), None)
    for row in (row for row in ordered if row.passed):
        row.taken, row.reason = row is taken, ""
        if taken is not None and row is not taken:
            slower = before.index(row.engine) < before.index(taken.engine)
            row.reason = f"measured slower than {taken.engine} here" if slower else "an earlier one passed"
    return ordered
