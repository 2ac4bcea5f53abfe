"""The gate ``verify``: the engine that would serve, against recorded outputs and the champion's engine."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from deploy.packages import package_errors
from deploy.rollout.gates.limits import Limits
from deploy.rollout.gates.rows import Gate, at_least, at_most
from deploy.rollout.gates.sequential import Interval
from handlers.encoding import ITEM_TABLE_FILE
from handlers.engines import Engine, Probe, candidates, load_probe
from handlers.engines.parity import PROBE_FILE, compare
from handlers.exceptions import HandlerError
from handlers.item_table import load_table
from handlers.kinds import kind_of
from model_store import Package

WARM = 3


def verify_gate(package: Package, champion: Package | None, limits: Limits, space: str = "") -> Gate:
    """Parity of the first engine that loads, its speed beside the champion's, and dimensions that agree.

    Without a champion it is timed against itself, by turns: then the ratio is near 1.

    Raises:
        MarqueeError: no engine of a package loads.
    """
    wanted = limits.verify
    with package_errors():
        engine = _engine(package)
        probe = load_probe(package.path / PROBE_FILE)
        parity = compare(engine.run(probe.inputs)["vector"], probe.vectors, engine.reduced_precision)
        against = champion or package
        other = engine if champion is None else _engine(champion)
        ratio = _ratio(engine, probe.inputs, other, load_probe(against.path / PROBE_FILE).inputs, wanted)
        others = _other_dimensions(package, probe)
    cosine, length = wanted.cosine, wanted.length_error
    if engine.reduced_precision:
        cosine, length = wanted.reduced_cosine, wanted.reduced_length_error
    count = len(probe.vectors)
    rows = (
        at_most("other dimensions", _exactly(len(others), math.inf), 0, 2),
        at_least("cosine", _exactly(parity.cosine, -1.0), cosine, count),
        at_most("length error", _exactly(parity.length_error, math.inf), length, count),
        at_most("latency ratio", ratio, wanted.latency_ratio, wanted.runs),
    )
    return Gate(
        "verify",
        space or package.manifest.reference,
        against.manifest.reference,
        limits.version,
        rows,
        (*others, *_other_engines(package, engine, against, other)),
    )


def _other_engines(package: Package, engine: Engine, against: Package, other: Engine) -> tuple[str, ...]:
    """A ratio of times says little of the model where one has an engine made for this machine."""
    if engine.name == other.name:
        return ()
    new, old = package.manifest.reference, against.manifest.reference
    return (
        f"{new} is served by {engine.name}, {old} by {other.name}; `marquee model compile` makes this"
        " machine's engines for either",
    )


def _other_dimensions(package: Package, probe: Probe) -> tuple[str, ...]:
    """What of the package has vectors of another dimension than its manifest says."""
    wanted, kind = package.manifest.dim, kind_of(package.path)
    found = {"the engine": probe.vectors.shape[1]}
    if kind == "item-encoder":
        found["the item table"] = load_table(package.path / ITEM_TABLE_FILE).dim
    return tuple(
        f"{what} has vectors of {dim} dimensions, the package says {wanted}"
        for what, dim in found.items()
        if dim != wanted
    )


def _exactly(value: float, worst: float) -> Interval:
    """The worst of all recorded outputs: nothing was sampled. NaN is as bad as can be."""
    value = value if math.isfinite(value) else worst
    return Interval(value, value, value)


def _engine(package: Package) -> Engine:
    reasons = []
    for candidate in candidates(package.path, 1):
        try:
            return candidate.load()
        except HandlerError as error:
            reasons.append(f"{candidate.name}: {error}")
    raise HandlerError(f"no engine of {package.manifest.reference} loads: {'; '.join(reasons)}")


def _ratio(
    one: Engine, one_inputs: Mapping[str, Any], other: Engine, other_inputs: Mapping[str, Any], wanted: Any
) -> Interval:
    """Geometric mean of the ratio of times of one film, run by turns; Student's interval, of logarithms."""
    first = [{name: value[:1] for name, value in inputs.items()} for inputs in (one_inputs, other_inputs)]
    logs = []
    for number in range(WARM + wanted.runs):
        # whoever runs second finds other caches: they take turns at that too
        order = (0, 1) if number % 2 else (1, 0)
        times = [0.0, 0.0]
        for place in order:
            began = time.perf_counter()
            (one, other)[place].run(first[place])
            times[place] = time.perf_counter() - began
        if number >= WARM:
            logs.append(np.log(times[0] / times[1]))
    average, error = float(np.mean(logs)), float(stats.sem(logs))
    half = float(stats.t.ppf(1 - wanted.alpha / 2, len(logs) - 1)) * error
    return Interval(average, average - half, average + half).exp()
