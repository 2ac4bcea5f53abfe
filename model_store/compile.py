"""What one machine makes of a built package's ONNX file for itself: int8 or float16."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from handlers.engines.choose import FP16_FILE, INT8_FILE
from handlers.engines.machine import ONNX_FILE, machine_folder
from handlers.engines.parity import PROBE_FILE, Parity, check_parity, load_probe
from handlers.exceptions import HandlerError
from model_store.exceptions import ModelStoreError, NoRoomError
from model_store.publish import FULL
from model_store.share import Measure, by_harm, fits, longest_that_fits
from model_store.store import Package

Make = Callable[[Path, Path, Mapping[str, Any], Sequence[str]], int]
"""(source, target, probe's inputs, parts): writes ``target``, those parts in reduced precision."""


@dataclass(frozen=True)
class Reduced:
    """A file in reduced precision, in this machine's folder."""

    path: Path
    parity: Parity
    """What the probe says of it."""
    parts: int
    """How much of the graph it is: matrices in int8, nodes in float16."""
    of: int

    def __str__(self) -> str:
        return f"{self.path} ({self.parity}; {self.parts} of {self.of} parts)"


def quantise_package(package: Package) -> Reduced:
    """The package in int8; it replaces an earlier one.

    Where all matrices together are outside the parity limits in blocks of any size, those that harm most stay
    in float32: as few as it takes, by measuring (half a minute or so).

    Raises:
        NoRoomError: the disk is full; what was there before stays.
        ModelStoreError: the package cannot be read, or no matrix can be in int8: then none is kept.
    """
    from model_store.int8 import BLOCKS, matrices, quantise

    makes: list[Make] = [partial(quantise, block=block) for block in BLOCKS]
    return _reduced(package, INT8_FILE, "int8", matrices, makes, by_harm)


def halve_package(package: Package) -> Reduced:
    """As :func:`quantise_package`, in float16: what GPU engines are built from. Proven on the CPU.

    Where the whole graph is outside the limits, its end stays in float32, from where it has to: sums that
    nearly cancel come last, and nodes are too many to measure each.
    """
    from model_store.half import halve, nodes

    def make(source: Path, target: Path, _: Mapping[str, Any], parts: Sequence[str]) -> int:
        return halve(source, target, parts)

    return _reduced(package, FP16_FILE, "float16", nodes, [make], lambda parts, _: list(parts))


def _reduced(
    package: Package,
    name: str,
    called: str,
    parts_of: Callable[[Path], list[str]],
    makes: Sequence[Make],
    ordered: Callable[[Sequence[str], Measure], list[str]],
) -> Reduced:
    """By the first of ``makes`` that fits (fastest first, finest last), else what fits by the last."""
    from handlers.engines.onnx_runtime import OnnxRuntimeEngine

    folder = own_folder(package)
    aside, source = folder / f".{os.getpid()}.onnx", package.path / ONNX_FILE
    try:
        probe = load_probe(package.path / PROBE_FILE)

        def measured(make: Make, parts: Sequence[str]) -> Parity:
            make(source, aside, probe.inputs, parts)
            return check_parity(OnnxRuntimeEngine(aside, reduced_precision=True), probe)

        def first(parts: Sequence[str]) -> Parity:
            for make in makes:
                parity = measured(make, parts)
                if fits(parity):
                    break
            return parity

        def finest(parts: Sequence[str]) -> Parity:
            return measured(makes[-1], parts)

        parts = chosen = parts_of(source)
        parity = whole = first(parts)
        if not fits(whole):
            order = ordered(parts, finest)
            chosen = order[: longest_that_fits(order, finest)]
            parity = first(chosen)
        if not chosen or not parity.passed:
            raise ModelStoreError(f"{called} is outside the parity limits: {whole}")
        aside.replace(folder / name)
    except (HandlerError, OSError) as error:
        kind = NoRoomError if isinstance(error, OSError) and error.errno in FULL else ModelStoreError
        raise kind(f"{package.manifest.reference} cannot be made {called}: {error}") from None
    finally:
        aside.unlink(missing_ok=True)
    return Reduced(folder / name, parity, len(chosen), len(parts))


def own_folder(package: Package) -> Path:
    """Where this machine keeps what it makes of ``package``; made if it is not there.

    Raises:
        ModelStoreError: it is not built.
    """
    folder = machine_folder(package.path)
    if folder is None:
        raise ModelStoreError(f"{package.manifest.reference} is not built; only built packages are compiled")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
