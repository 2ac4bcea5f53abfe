"""NVIDIA's own parser and builder take our ONNX files, for three kinds of GPU, without having one.

``tensorrt-rtx`` parses and builds on a CPU; nothing is executed here. ``make test`` and
``make tensorrt-check`` install it (230 MB); where it cannot be had these tests are skipped, saying so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.stack.torchserve import TorchServe
from handlers.encoder import MAX_BATCH
from handlers.engines.machine import ONNX_FILE
from handlers.engines.tensorrt import build_plan, parse, profile_of
from handlers.exceptions import EngineUnavailableError
from model_store import Package, build, list_sources
from model_store.compile import halve_package
from tests.integration.encoder.tiny import tiny_package

tensorrt_rtx = pytest.importorskip(
    "tensorrt_rtx", reason="tensorrt-rtx is not installed; `make tensorrt-check` does it"
)

GPUS = ("SM86", "SM89", "SM120")
DTYPES = {"float32": "FLOAT", "int64": "INT64"}


@pytest.fixture(scope="module")
def tiny(torchserve_service: TorchServe) -> Package:
    """The one that others serve."""
    return tiny_package(torchserve_service.models).package


def check(package: Package, onnx: Path, gpus: Sequence[str]) -> None:
    """Parses and builds a package's ONNX file for each of ``gpus``."""
    logger = tensorrt_rtx.Logger(tensorrt_rtx.Logger.ERROR)
    _, network = parse(tensorrt_rtx, logger, onnx)
    inputs = {network.get_input(i).name: network.get_input(i) for i in range(network.num_inputs)}
    outputs = {network.get_output(i).name: network.get_output(i) for i in range(network.num_outputs)}
    for found, wanted in ((inputs, package.manifest.inputs), (outputs, package.manifest.outputs)):
        assert sorted(found) == sorted(wanted)
        for name, tensor in wanted.items():
            free = tuple(-1 if isinstance(size, str) else size for size in tensor.shape)
            assert tuple(found[name].shape) == free, name
            assert str(found[name].dtype).rpartition(".")[2] == DTYPES[tensor.dtype], name
    for name, tensor in package.manifest.inputs.items():
        low, usual, high = profile_of(tuple(inputs[name].shape))
        for axis, size in enumerate(tensor.shape):
            assert low[axis] <= usual[axis] <= high[axis]
            if isinstance(size, str):
                least, most = tensor.range[size]
                # whatever a handler sends
                assert low[axis] <= max(least, 1), (name, size)
                assert high[axis] >= (MAX_BATCH if size == "batch" else most), (name, size)
            else:
                assert low[axis] == high[axis] == size, (name, axis)
    for gpu in gpus:
        plan = build_plan(tensorrt_rtx, logger, onnx, gpu)
        assert len(plan) > onnx.stat().st_size // 10, f"a plan of {len(plan)} bytes holds no weights"


@pytest.mark.parametrize("gpu", GPUS)
def test_a_package_builds_for(gpu: str, tiny: Package) -> None:
    check(tiny, tiny.path / ONNX_FILE, [gpu])


@pytest.mark.full
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("reference", [p.manifest.reference for p in list_sources()])
def test_every_shipped_package_builds_for_all(reference: str, tmp_path: Path) -> None:
    package = build(reference, tmp_path / "models")
    check(package, package.path / ONNX_FILE, GPUS)
    # what a GPU is given, once it is made
    check(package, halve_package(package).path, GPUS[-1:])


def test_what_is_no_model_is_refused_with_the_parsers_words(tmp_path: Path) -> None:
    (tmp_path / ONNX_FILE).write_bytes(b"nonsense")
    logger: Any = tensorrt_rtx.Logger(tensorrt_rtx.Logger.INTERNAL_ERROR)
    with pytest.raises(EngineUnavailableError, match="not understood"):
        build_plan(tensorrt_rtx, logger, tmp_path / ONNX_FILE, GPUS[0])
