"""Native code that one machine makes of a built package for itself (AOTInductor)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from handlers.engines.aot_inductor import Precision, compiled_file
from handlers.engines.packing import packed
from handlers.engines.parity import PROBE_FILE, Parity, Probe, compare, load_probe
from handlers.exceptions import HandlerError
from handlers.items import EncodeItem
from model_store.compile import own_folder
from model_store.exceptions import ModelStoreError
from model_store.films import some_films
from model_store.manifest import Tensor
from model_store.plans import plan_of
from model_store.store import Package
from model_store.timed import timed_inputs

RUNS = 5
_REALIZE = 8
"""Operations after which the compiler writes a value down rather than compute it again: a GELU is computed
once for the range of its row and once more for its bytes otherwise."""


@dataclass(frozen=True)
class Compiled:
    """A file of native code, in this machine's folder."""

    path: Path
    parity: Parity
    """Of the network before it was compiled, by the probe; for ``mixed`` the worse of probe and films."""
    bytes_of: tuple[int, int] | None = None
    """For ``mixed``: how many of how many linear maps are in int8."""

    def __str__(self) -> str:
        share = f"; {self.bytes_of[0]} of {self.bytes_of[1]} maps in int8" if self.bytes_of else ""
        return f"{self.path} ({self.parity}{share})"


def compile_package(package: Package, threads: int = 1, precision: Precision = "float32") -> Compiled:
    """The compiled network's file in this machine's folder; it replaces an earlier one. Needs a C++ compiler.

    Shapes vary as the manifest says, by the names of the sizes. Words are packed
    (:mod:`handlers.engines.packing`).

    Args:
        precision: ``bf16`` computes the text model and the ViT's matrices in bfloat16; ``mixed`` the text
            model in int8 as far as measured parity allows, the rest in bfloat16 where this processor
            multiplies that, else in float32.

    Raises:
        ModelStoreError: the package cannot be read, or the compiler is missing or fails; or, in less than
            float32, this processor does not multiply it, the package reads no text, or it is outside the
            parity limits.
    """
    import torch
    import torch._inductor.config as _inductor

    from model_store.narrow import PackedNetwork

    folder = own_folder(package)
    target, aside = folder / compiled_file(threads, precision), folder / f".{os.getpid()}.pt2"
    torch.set_num_threads(threads)
    try:
        probe = load_probe(package.path / PROBE_FILE)
        network, parity, share = _network(package, probe, precision)
        if not parity.passed:
            raise ModelStoreError(f"{precision} is outside the parity limits: {parity}")
        if isinstance(network, PackedNetwork):
            network.forget_original()
        inputs = packed(probe.inputs)
        example = {name: torch.from_numpy(value) for name, value in inputs.items()}
        settings = {"freezing": True, "realize_opcount_threshold": _REALIZE}
        with torch.no_grad(), _inductor.patch(settings):
            shapes = packed_shapes(package.manifest.inputs, inputs)
            exported = torch.export.export(network, (), example, dynamic_shapes=shapes)
            torch._inductor.aoti_compile_and_package(exported, package_path=str(aside))
        aside.chmod(0o600)
        aside.replace(target)
    except HandlerError as error:
        raise ModelStoreError(f"{package.manifest.reference} cannot be compiled: {error}") from None
    except ModelStoreError:
        raise
    except Exception as error:  # torch's compiler raises dozens of kinds
        reason = str(error).strip().splitlines() or [repr(error)]
        raise ModelStoreError(f"{package.manifest.reference} cannot be compiled: {reason[0]}") from None
    finally:
        aside.unlink(missing_ok=True)
    return Compiled(target, parity, share)


def fastest_precision(package: Package, threads: int = 1) -> Precision:
    """``bf16`` if films are read faster in it here, else ``float32``; found without compiling, in seconds.

    A processor may multiply bfloat16 and yet be slower by it: AVX-512 has it, without the tiles of AMX.

    Raises:
        ModelStoreError: the package cannot be read.
    """
    import torch

    from handlers.networks import load_model
    from model_store.mixed import run
    from model_store.narrow import PackedNetwork, multiplies_bf16

    if not multiplies_bf16():
        return "float32"
    torch.set_num_threads(threads)
    try:
        network: Any = load_model(package.path)
        films = packed(timed_inputs(package))
    except HandlerError as error:
        raise ModelStoreError(f"{package.manifest.reference} cannot be read: {error}") from None
    if not hasattr(network, "bert"):
        return "float32"
    tried: dict[Precision, PackedNetwork] = {
        "float32": PackedNetwork(network, torch.float32),
        "bf16": PackedNetwork(network, torch.bfloat16),
    }
    times: dict[Precision, list[float]] = {name: [] for name in tried}
    for _ in range(RUNS):
        for name, one in tried.items():
            started = time.perf_counter()
            run(one, films)
            times[name].append(time.perf_counter() - started)
    return min(times, key=lambda name: min(times[name]))


def packed_shapes(
    inputs: Mapping[str, Tensor], example: Mapping[str, npt.NDArray[Any]]
) -> dict[str, dict[int, Any]]:
    """Which axes of ``example``, the packed inputs, vary: the package's, and how many words and posters."""
    import torch

    from model_store.export import dynamic_shapes

    shapes = dynamic_shapes(inputs)
    if "input_ids" in shapes:
        shapes["at"] = shapes.pop("input_ids")
        sizes = inputs["input_ids"].range
        words = torch.export.Dim("words", min=2, max=sizes["batch"][1] * sizes["tokens"][1])
        shapes.update({name: {0: words} for name in ("words", "places", "taken")})
    if "has_poster" in shapes:
        shapes["poster_at"] = shapes["has_poster"]
        posters = torch.export.Dim("posters", min=1, max=inputs["has_poster"].range["batch"][1])
        shapes["pixels"] = {**shapes["pixels"], 0: posters}
    return {name: shapes[name] for name in example}


def _network(
    package: Package, probe: Probe, precision: Precision
) -> tuple[Any, Parity, tuple[int, int] | None]:
    """The network to compile, what the probe says of it, and its share of int8."""
    import torch

    from handlers.networks import load_model
    from model_store.mixed import JUDGED, SEEN, mix, run
    from model_store.narrow import PackedNetwork, multiplies_bf16, multiplies_int8

    network: Any = load_model(package.path)
    narrow = torch.bfloat16 if multiplies_bf16() else torch.float32
    if precision == "bf16" and narrow != torch.bfloat16:
        raise ModelStoreError("this processor does not multiply bf16 (no avx512_bf16, no amx_bf16)")
    if precision == "mixed" and not multiplies_int8():
        raise ModelStoreError("this processor does not multiply int8 (no avx512_vnni, no amx_int8)")
    if not hasattr(network, "bert"):
        if precision != "float32":
            raise ModelStoreError(f"{package.manifest.reference} reads no text: nothing to do in {precision}")
    elif precision == "mixed":
        films = some_films(SEEN + JUDGED)
        others = max(1, len(films) // JUDGED)
        judged = films[::others][:JUDGED]
        seen = [film for film in films if film not in judged]
        mixed = mix(network, probe, _read(package, seen), _read(package, judged), narrow)
        return mixed.network, mixed.parity, (mixed.parts, mixed.of)
    else:
        network = PackedNetwork(network, narrow if precision == "bf16" else torch.float32)
    said = run(network, packed(probe.inputs))
    return network, compare(said, probe.vectors, reduced_precision=precision != "float32"), None


def _read(package: Package, films: Sequence[EncodeItem]) -> Mapping[str, npt.NDArray[Any]]:
    return plan_of(package.path).read(package.path, films)
