"""What one machine makes of a built package for itself: native code (AOTInductor), int8 or float16."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handlers.engines.aot_inductor import compiled_file
from handlers.engines.choose import FP16_FILE, INT8_FILE
from handlers.engines.machine import ONNX_FILE, machine_folder
from handlers.engines.parity import PROBE_FILE, Parity, check_parity, load_probe
from handlers.exceptions import HandlerError
from model_store.exceptions import ModelStoreError
from model_store.store import Package


def quantise_package(package: Package) -> tuple[Path, Parity]:
    """The int8 file in this machine's folder, and what the probe says of it; it replaces an earlier one.

    Raises:
        ModelStoreError: the package cannot be read, or int8 is outside the parity limits: then none is kept.
    """
    from model_store.int8 import quantise

    return _reduced(package, INT8_FILE, "int8", quantise)


def halve_package(package: Package) -> tuple[Path, Parity]:
    """As :func:`quantise_package`, in float16: what GPU engines are built from. Proven on the CPU."""
    from model_store.half import halve

    return _reduced(package, FP16_FILE, "float16", lambda source, target, _: halve(source, target))


def _reduced(
    package: Package, name: str, called: str, make: Callable[[Path, Path, dict[str, Any]], int]
) -> tuple[Path, Parity]:
    from handlers.engines.onnx_runtime import OnnxRuntimeEngine

    folder = _own_folder(package)
    aside = folder / f".{os.getpid()}.onnx"
    try:
        probe = load_probe(package.path / PROBE_FILE)
        make(package.path / ONNX_FILE, aside, probe.inputs)
        parity = check_parity(OnnxRuntimeEngine(aside, reduced_precision=True), probe)
        if not parity.passed:
            raise ModelStoreError(f"{called} is outside the parity limits: {parity}")
        aside.replace(folder / name)
    except HandlerError as error:
        raise ModelStoreError(f"{package.manifest.reference} cannot be made {called}: {error}") from None
    finally:
        aside.unlink(missing_ok=True)
    return folder / name, parity


def compile_package(package: Package, threads: int = 1) -> Path:
    """The compiled network's file in this machine's folder; it replaces an earlier one. Needs a C++ compiler.

    Shapes vary as the manifest says, by the names of the sizes.

    Raises:
        ModelStoreError: the package cannot be read, or the compiler is missing or fails.
    """
    import torch

    from handlers.networks import load_model
    from model_store.export import dynamic_shapes

    folder = _own_folder(package)
    target = folder / compiled_file(threads)
    aside = folder / f".{os.getpid()}.pt2"
    torch.set_num_threads(threads)
    try:
        network = load_model(package.path)
        probe = load_probe(package.path / PROBE_FILE)
        example = {name: torch.from_numpy(value) for name, value in probe.inputs.items()}
        shapes = dynamic_shapes(package.manifest.inputs)
        with torch.no_grad():
            exported = torch.export.export(network, (), example, dynamic_shapes=shapes)
            torch._inductor.aoti_compile_and_package(exported, package_path=str(aside))
        aside.chmod(0o600)
        aside.replace(target)
    except HandlerError as error:
        raise ModelStoreError(f"{package.manifest.reference} cannot be compiled: {error}") from None
    except Exception as error:  # torch's compiler raises dozens of kinds
        reason = str(error).strip().splitlines() or [repr(error)]
        raise ModelStoreError(f"{package.manifest.reference} cannot be compiled: {reason[0]}") from None
    finally:
        aside.unlink(missing_ok=True)
    return target


def _own_folder(package: Package) -> Path:
    folder = machine_folder(package.path)
    if folder is None:
        raise ModelStoreError(f"{package.manifest.reference} is not built; only built packages are compiled")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
