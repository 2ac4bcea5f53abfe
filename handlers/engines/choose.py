"""Takes the first engine that loads and proves itself; a line each says why it was taken or passed over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from handlers.engines.aot_inductor import AotInductorEngine
from handlers.engines.base import Engine
from handlers.engines.eager import EagerEngine
from handlers.engines.machine import ONNX_FILE, machine_folder
from handlers.engines.metrics import count
from handlers.engines.onnx_runtime import OnnxRuntimeEngine
from handlers.engines.order import by_speed, load_speeds
from handlers.engines.parity import Probe, check_parity
from handlers.engines.tensorrt import TensorRtEngine
from handlers.exceptions import EngineUnavailableError, HandlerError, PackageFileError

FP16_FILE, INT8_FILE = "model.fp16.onnx", "model.int8.onnx"

_log = structlog.get_logger("handlers.engines")


@dataclass(frozen=True)
class Candidate:
    """An engine that may be tried."""

    name: str
    load: Callable[[], Engine]
    measured_ms: float | None = None
    """Of a batch, on this machine; ``None`` if nobody measured it."""


def candidates(folder: Path, threads: int) -> list[Candidate]:
    """The engines for the package in ``folder``, best first; each looks for what it needs when tried.

    The order is that of :func:`listed`, but for those measured here to be clearly slower than a later one.
    """
    by_name = {one.name: one for one in listed(folder, threads)}
    try:
        speeds = load_speeds(folder, threads)
    except PackageFileError as error:  # models must serve
        _log.warning("speeds of engines count as not measured", reason=str(error))
        speeds = None
    if speeds is None:
        return list(by_name.values())
    return [
        replace(by_name[name], measured_ms=speeds.ms.get(name)) for name in by_speed(list(by_name), speeds.ms)
    ]


def listed(folder: Path, threads: int) -> list[Candidate]:
    """The engines in the order that holds where nothing was measured."""
    made_here = machine_folder(folder)
    half, int8 = (_made(folder, made_here, name) for name in (FP16_FILE, INT8_FILE))
    typed = half if half.is_file() else folder / ONNX_FILE
    return [
        Candidate("tensorrt", lambda: TensorRtEngine(typed, made_here)),
        Candidate("aotinductor-mixed", lambda: AotInductorEngine(made_here, threads, "mixed")),
        Candidate("aotinductor-bf16", lambda: AotInductorEngine(made_here, threads, "bf16")),
        Candidate("onnxruntime-int8", lambda: OnnxRuntimeEngine(int8, threads, True)),
        Candidate("aotinductor", lambda: AotInductorEngine(made_here, threads)),
        Candidate("onnxruntime", lambda: OnnxRuntimeEngine(folder / ONNX_FILE, threads)),
        Candidate("eager", lambda: EagerEngine(folder, threads)),
    ]


def _made(folder: Path, made_here: Path | None, name: str) -> Path:
    """Where the file lies: in the package, else where this machine keeps what it made of it."""
    return folder / name if made_here is None or (folder / name).is_file() else made_here / name


def choose_engine(tried: Sequence[Candidate], probe: Probe) -> Engine:
    """The first of ``tried`` that loads and passes ``probe``.

    Raises:
        HandlerError: if none does, with every reason.
    """
    reasons = []
    measured = {one.name: one.measured_ms for one in tried if one.measured_ms is not None}
    _log.info(
        "order of engines",
        by="speed measured here" if measured else "default",
        order=[one.name for one in tried],
        measured_ms=measured,
    )
    for candidate in tried:
        started = time.perf_counter()
        try:
            engine = candidate.load()
            parity = check_parity(engine, probe)
        except EngineUnavailableError as error:
            reason = str(error)
        except Exception as error:  # an engine that crashes on its probe must not stop the next one
            reason = f"failed on its probe: {error!r}"
        else:
            seconds = round(time.perf_counter() - started, 3)
            if parity.passed:
                count(candidate.name, "taken")
                _log.info("engine taken", engine=candidate.name, parity=str(parity), seconds=seconds)
                return engine
            reason = f"parity: {parity}"
        count(candidate.name, "passed over")
        _log.info("engine passed over", engine=candidate.name, reason=reason)
        reasons.append(f"{candidate.name}: {reason}")
    raise HandlerError("no engine can run this package: " + "; ".join(reasons))
