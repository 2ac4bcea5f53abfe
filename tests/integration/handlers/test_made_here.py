"""Engines that a machine makes for itself: its workers find them, and they prove themselves like all."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx
import pytest

from deploy.stack.torchserve import TorchServe
from handlers.encoding import ItemEncoder
from handlers.engines.choose import FP16_FILE
from handlers.engines.machine import ONNX_FILE, machine_folder
from model_store import Package, find
from model_store.compile import compile_package, halve_package, quantise_package
from model_store.engines import try_engines
from tests.integration.encoder.tiny import NAME, VERSION, tiny_package


@pytest.fixture
def package(torchserve_service: TorchServe, tmp_path: Path) -> Package:
    """A copy: others are served by the original."""
    built = tiny_package(torchserve_service.models).package
    shutil.copytree(built.path, tmp_path / "models" / NAME / VERSION)
    return find(NAME, tmp_path / "models")


def test_int8_is_taken_once_made_and_passed_over_once_damaged(package: Package) -> None:
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime"
    path, parity = quantise_package(package)
    assert parity.passed
    assert path.parent == machine_folder(package.path)
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime-int8"
    assert find(NAME, package.path.parents[1]).manifest == package.manifest
    path.write_bytes(path.read_bytes()[:-1_000])
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime"


def test_float16_is_kept_within_its_limits_and_is_what_gpu_engines_are_built_from(package: Package) -> None:
    path, parity = halve_package(package)
    assert parity.passed
    assert parity.cosine < 1.0
    assert path == machine_folder(package.path) / FP16_FILE
    assert path.stat().st_size < 0.6 * (package.path / ONNX_FILE).stat().st_size
    half = onnx.load(path)
    assert {one.data_type for one in half.graph.initializer} >= {onnx.TensorProto.FLOAT16}
    assert [one.type.tensor_type.elem_type for one in half.graph.output] == [onnx.TensorProto.FLOAT]
    # on a CPU nobody serves by it
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime"


@pytest.mark.full
@pytest.mark.timeout(900)
def test_compiled_code_agrees_and_is_timed_beside_the_others(package: Package) -> None:
    path = compile_package(package)
    assert path.stat().st_mode & 0o077 == 0
    rows = {row.engine: row for row in try_engines(package)}
    assert rows["aotinductor"].passed, rows["aotinductor"].reason
    assert rows["aotinductor"].taken
    assert rows["eager"].ratio_to_eager == 1.0
    assert [row.engine for row in rows.values() if row.taken] == ["aotinductor"]
