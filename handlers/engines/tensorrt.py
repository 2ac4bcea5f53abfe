"""TensorRT 10 and later on an NVIDIA GPU: strongly typed, one profile over batch and sequence, plans cached.

Written against the names that 10.x and 11.x share. It has never been run: where it was written there is no
GPU (docs/gpu.md). Nothing here is imported unless the library and a GPU are there; like every engine it is
taken only after its parity probe, so a fault in it costs speed and not correctness.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from handlers.checksums import file_sha256
from handlers.engines.base import Inputs, Outputs
from handlers.exceptions import EngineUnavailableError

_log = structlog.get_logger("handlers.engines")

MAX_BATCH, MAX_TOKENS = 64, 512
PROFILE = {"batch": (1, 16, MAX_BATCH), "tokens": (2, 64, MAX_TOKENS)}
"""Smallest, usual and largest of each size that varies, in the order of an input's free axes."""


class TensorRtEngine:
    """A plan built for this GPU from the package's ONNX file; buffers stay on the device between calls."""

    name = "tensorrt"
    reduced_precision = True

    def __init__(self, onnx: Path, cache: Path | None) -> None:
        """Loads the plan that fits library, GPU, ONNX file and profile, or builds it.

        Raises:
            EngineUnavailableError: the library, a GPU or the file is missing, or the parser or builder fails.
        """
        try:
            import tensorrt
            import torch
        except ImportError as error:
            raise EngineUnavailableError(f"tensorrt is not installed ({error})") from None
        if not torch.cuda.is_available():
            raise EngineUnavailableError("there is no CUDA device")
        if not onnx.is_file():
            raise EngineUnavailableError(f"{onnx.name} is not in the package")
        self._torch = torch
        logger = tensorrt.Logger(tensorrt.Logger.WARNING)
        capability = "".join(map(str, torch.cuda.get_device_capability()))
        path = None if cache is None else cache / plan_name(tensorrt.__version__, capability, onnx)
        self._engine = load_or_build(tensorrt, logger, onnx, path)
        self._context = self._engine.create_execution_context()
        self._stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        wanted = tensorrt.TensorIOMode.INPUT
        self._inputs = [name for name in names if self._engine.get_tensor_mode(name) == wanted]
        self._outputs = [name for name in names if name not in self._inputs]

    def run(self, inputs: Inputs) -> Outputs:
        """One forward pass."""
        torch = self._torch
        held = {}
        with torch.cuda.stream(self._stream):
            for name in self._inputs:
                held[name] = torch.from_numpy(np.ascontiguousarray(inputs[name])).cuda(non_blocking=True)
                if not self._context.set_input_shape(name, tuple(held[name].shape)):
                    raise EngineUnavailableError(f"{name} {tuple(held[name].shape)} is outside the profile")
                self._context.set_tensor_address(name, held[name].data_ptr())
            for name in self._outputs:
                held[name] = torch.empty(tuple(self._context.get_tensor_shape(name)), device="cuda")
                self._context.set_tensor_address(name, held[name].data_ptr())
            if not self._context.execute_async_v3(self._stream.cuda_stream):
                raise EngineUnavailableError("TensorRT failed to run")
        self._stream.synchronize()
        return {name: held[name].float().cpu().numpy() for name in self._outputs}


def plan_name(library: str, capability: str, onnx: Path) -> str:
    """The file of a plan: another library, kind of GPU, model or profile has another name."""
    facts = (library, f"sm_{capability}", file_sha256(onnx), repr(sorted(PROFILE.items())))
    return f"tensorrt.{hashlib.sha256(chr(0x1F).join(facts).encode()).hexdigest()[:32]}.plan"


def load_or_build(tensorrt: Any, logger: Any, onnx: Path, path: Path | None) -> Any:
    """The engine of the plan in ``path``; of a new one, kept there, if none is or the library refuses it.

    Raises:
        EngineUnavailableError: the parser or builder fails, or the library refuses what it has just built.
    """
    runtime = tensorrt.Runtime(logger)
    if path is not None and path.is_file():
        engine = runtime.deserialize_cuda_engine(path.read_bytes())
        if engine is not None:
            return engine
        _log.warning("a plan is refused and built anew", plan=path.name)
    plan = build_plan(tensorrt, logger, onnx)
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise EngineUnavailableError("the plan is refused by this library")
    if path is not None:
        _keep(plan, path)
    return engine


def _keep(plan: bytes, path: Path) -> None:
    aside = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside.write_bytes(plan)
        aside.replace(path)
    except OSError as error:
        # without room for it, it serves all the same; the next worker builds its own
        _log.warning("a plan cannot be kept", plan=path.name, reason=str(error))
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def parse(tensorrt: Any, logger: Any, onnx: Path) -> tuple[Any, Any]:
    """(builder, network) of an ONNX file; the precision is that of the file.

    Raises:
        EngineUnavailableError: the parser refuses the file, with its words.
    """
    builder = tensorrt.Builder(logger)
    typed = getattr(tensorrt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    # from 11 on every network is strongly typed, and the flag is gone
    network = builder.create_network(0 if typed is None else 1 << int(typed))
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse(onnx.read_bytes()):
        reasons = [str(parser.get_error(i).desc()) for i in range(parser.num_errors)]
        raise EngineUnavailableError(f"{onnx.name} is not understood: {'; '.join(reasons)[:300]}")
    return builder, network


def build_plan(tensorrt: Any, logger: Any, onnx: Path, gpu: str = "") -> bytes:
    """A serialised plan; ``tensorrt`` is that library, or ``tensorrt_rtx``, which has the same names.

    Args:
        gpu: for RTX, which builds for GPUs that are not there: ``SM86``, ...

    Raises:
        EngineUnavailableError: the parser or the builder refuses the file.
    """
    builder, network = parse(tensorrt, logger, onnx)
    config = builder.create_builder_config()
    if gpu:
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(tensorrt.ComputeCapability, gpu), 0)
    profile = builder.create_optimization_profile()
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        profile.set_shape(tensor.name, *profile_of(tuple(tensor.shape)))
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineUnavailableError(f"{onnx.name}: the builder failed")
    return bytes(plan)


def profile_of(shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Smallest, usual and largest shape of an input; -1 marks a free axis: the batch first, then tokens."""
    sizes = iter(PROFILE.values())
    ranges = [next(sizes) if one == -1 else (one, one, one) for one in shape]
    low, usual, high = (tuple(r[i] for r in ranges) for i in range(3))
    return low, usual, high
