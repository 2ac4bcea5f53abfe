"""Engines that a machine makes for itself: its workers find them, and they prove themselves like all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deploy.stack.torchserve import TorchServe
from handlers.encoding import ItemEncoder
from handlers.engines.machine import machine_folder
from model_store import Package, find
from model_store.compile import compile_package, quantise_package
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
