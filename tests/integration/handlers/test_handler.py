"""The handler on a real built package, called as TorchServe calls it, several requests in one batch."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from deploy.stack.torchserve import TorchServe
from handlers.engines.machine import ONNX_FILE
from handlers.exceptions import PackageFileError
from handlers.item_encoder import ItemEncoderHandler
from model_store import PackageExistsError, build
from model_store.engines import try_engines
from tests.integration.encoder.tiny import NAME, OPTIONS, VERSION, Tiny, tiny_package
from tests.integration.handlers.context import Context
from trainer.space import SpaceOptions, train_space, write_package


@pytest.fixture(scope="module")
def tiny(torchserve_service: TorchServe) -> Tiny:
    """The package of the encoder's tests: it lies where the run's TorchServe loads from."""
    return tiny_package(torchserve_service.models)


@pytest.fixture(scope="module")
def handler(tiny: Tiny) -> ItemEncoderHandler:
    made = ItemEncoderHandler()
    made.initialize(Context(tiny.package.path, []))
    return made


def test_one_bad_request_costs_its_batch_nothing(handler: ItemEncoderHandler, tiny: Tiny) -> None:
    films: list[Any] = [msgspec.to_builtins(item) for item in tiny.items[:3]]
    data = [
        {"body": msgspec.msgpack.encode({"items": films[:2]})},
        {"body": b"\xc1"},
        {"body": {"items": [{"title": 3}, films[2]]}},
    ]
    context = Context(tiny.package.path, ["application/msgpack", "application/msgpack", "application/json"])
    first, second, third = handler.handle(data, context)
    assert context.status == {1: (400, "Bad Request")}
    results = msgspec.msgpack.decode(first)["results"]
    for result, want in zip(results, tiny.trained.vectors[:2], strict=True):
        assert np.allclose(np.frombuffer(result["vector"], "<f4"), want, rtol=1e-3, atol=1e-5)
    assert "cannot be understood" in msgspec.msgpack.decode(second)["error"]
    answers = msgspec.json.decode(third)["results"]
    assert list(answers[0]) == ["error"]
    assert list(answers[1]) == ["vector"]
    assert context.types == {0: "application/msgpack", 1: "application/msgpack", 2: "application/json"}


def test_a_changed_model_is_refused_before_it_is_loaded(tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(tiny.package.path, folder)
    with (folder / ONNX_FILE).open("r+b") as file:
        file.seek(5_000)
        file.write(b"\xff\x00\xff")
    with pytest.raises(PackageFileError, match="checksum differs"):
        ItemEncoderHandler().initialize(Context(folder, []))


def test_without_an_onnx_file_the_eager_engine_takes_over_and_agrees(tiny: Tiny) -> None:
    rows = {row.engine: row for row in try_engines(tiny.package)}
    assert rows["onnxruntime"].passed
    assert rows["eager"].passed
    assert rows["eager"].cosine == pytest.approx(1.0, abs=1e-6)
    assert not rows["onnxruntime-int8"].passed
    assert "neither in the package" in rows["onnxruntime-int8"].reason


def test_building_again_changes_nothing_and_another_source_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    models = tiny.package.path.parents[1]
    source = models.parent / "tiny" / "packages" / NAME / VERSION
    before = (tiny.package.path / "manifest.json").stat().st_mtime_ns
    assert build(str(source), models).manifest == tiny.package.manifest
    assert (tiny.package.path / "manifest.json").stat().st_mtime_ns == before
    trained = train_space(models.parent / "tiny" / "data", NAME, VERSION, SpaceOptions(dim=8, threads=1))
    other = write_package(trained, tmp_path)
    with pytest.raises(PackageExistsError, match="another source"):
        build(str(other.path), models)


def test_the_same_data_and_seed_give_the_same_package(tiny: Tiny, tmp_path: Path) -> None:
    folder = tiny.package.path.parents[2] / "tiny"
    trained = train_space(folder / "data", NAME, VERSION, OPTIONS)
    again = write_package(trained, tmp_path)
    source = msgspec.json.decode((folder / "packages" / NAME / VERSION / "manifest.json").read_bytes())
    files = {name: file.sha256 for name, file in again.manifest.files.items()}
    assert files == {name: file["sha256"] for name, file in source["files"].items()}
