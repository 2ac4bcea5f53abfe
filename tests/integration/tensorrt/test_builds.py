"""NVIDIA's own parser and builder take our ONNX files, for three kinds of GPU, without having one.

``tensorrt-rtx`` parses and builds on a CPU; nothing is executed here. ``make tensorrt-check`` installs it
(320 MB); where it is installed these tests are part of every run, else they are skipped, saying so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from handlers.engines.machine import ONNX_FILE
from handlers.engines.tensorrt import build_plan, parse
from handlers.exceptions import EngineUnavailableError
from model_store import Package, build, list_sources
from tests.integration.encoder.tiny import tiny_package

tensorrt_rtx = pytest.importorskip("tensorrt_rtx", reason="`make tensorrt-check` installs tensorrt-rtx")

GPUS = ("SM86", "SM89", "SM120")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return tiny_package(tmp_path_factory.mktemp("tensorrt") / "models").package


def check(package: Package, gpus: Sequence[str]) -> None:
    """Parses and builds the package's ONNX file for each of ``gpus``."""
    logger = tensorrt_rtx.Logger(tensorrt_rtx.Logger.ERROR)
    onnx = package.path / ONNX_FILE
    _, network = parse(tensorrt_rtx, logger, onnx)
    inputs = {network.get_input(i).name: network.get_input(i) for i in range(network.num_inputs)}
    outputs = {network.get_output(i).name: network.get_output(i) for i in range(network.num_outputs)}
    for found, wanted in ((inputs, package.manifest.inputs), (outputs, package.manifest.outputs)):
        assert sorted(found) == sorted(wanted)
        for name, tensor in wanted.items():
            free = tuple(-1 if isinstance(size, str) else size for size in tensor.shape)
            assert tuple(found[name].shape) == free, name
    for gpu in gpus:
        plan = build_plan(tensorrt_rtx, logger, onnx, gpu)
        assert len(plan) > onnx.stat().st_size // 10, f"a plan of {len(plan)} bytes holds no weights"


@pytest.mark.parametrize("gpu", GPUS)
def test_a_package_builds_for(gpu: str, tiny: Package) -> None:
    check(tiny, [gpu])


@pytest.mark.full
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("reference", [p.manifest.reference for p in list_sources()])
def test_every_shipped_package_builds_for_all(reference: str, tmp_path: Path) -> None:
    package = build(reference, tmp_path / "models")
    check(package, GPUS)


def test_what_is_no_model_is_refused_with_the_parsers_words(tmp_path: Path) -> None:
    (tmp_path / ONNX_FILE).write_bytes(b"nonsense")
    logger: Any = tensorrt_rtx.Logger(tensorrt_rtx.Logger.INTERNAL_ERROR)
    with pytest.raises(EngineUnavailableError, match="not understood"):
        build_plan(tensorrt_rtx, logger, tmp_path / ONNX_FILE, GPUS[0])
