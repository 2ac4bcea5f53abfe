"""Does an engine compute what the model did when it was built? Directions and lengths, by a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from handlers.engines.base import Engine
from handlers.exceptions import PackageFileError

PROBE_FILE = "probe.safetensors"

COSINE, LENGTH = 0.9999, 1e-4
REDUCED_COSINE, REDUCED_LENGTH = 0.999, 1e-2


@dataclass(frozen=True)
class Probe:
    """Inputs and the float32 vectors [n, dim] that the eager engine made of them."""

    inputs: dict[str, npt.NDArray[Any]]
    vectors: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Parity:
    """The worst of a probe's rows."""

    cosine: float
    length_error: float
    """| |got| / |want| - 1 |."""
    passed: bool

    def __str__(self) -> str:
        return f"cosine {self.cosine:.6f}, length error {self.length_error:.2e}"


def compare(got: npt.NDArray[Any], want: npt.NDArray[Any], reduced_precision: bool) -> Parity:
    """Row by row in float64; a row that is NaN, or zero where it should not be, fails."""
    if got.shape != want.shape:
        return Parity(0.0, float("inf"), False)
    got, want = got.astype(np.float64), want.astype(np.float64)
    got_length, want_length = np.linalg.norm(got, axis=1), np.linalg.norm(want, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = float(np.min((got * want).sum(axis=1) / (got_length * want_length)))
        length = float(np.max(np.abs(got_length / want_length - 1)))
    least, most = (REDUCED_COSINE, REDUCED_LENGTH) if reduced_precision else (COSINE, LENGTH)
    # written so that NaN fails
    return Parity(cosine, length, bool(cosine >= least and length <= most))


def check_parity(engine: Engine, probe: Probe) -> Parity:
    """Runs ``probe`` through ``engine``."""
    return compare(engine.run(probe.inputs)["vector"], probe.vectors, engine.reduced_precision)


def save_probe(probe: Probe, path: Path) -> None:
    """Writes ``path``."""
    save_file({**{f"input.{k}": v for k, v in probe.inputs.items()}, "vector": probe.vectors}, path)


def load_probe(path: Path) -> Probe:
    """The probe in ``path``.

    Raises:
        PackageFileError: if it cannot be read.
    """
    try:
        parts = load_file(path)
        return Probe(
            {k.removeprefix("input."): v for k, v in parts.items() if k.startswith("input.")}, parts["vector"]
        )
    except (OSError, KeyError, SafetensorError) as error:
        raise PackageFileError(f"{path.name} cannot be read: {error}") from None
