"""A package whose BERT and ViT come from elsewhere holds them itself."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from handlers.config import load_config
from handlers.encoding import ItemEncoder
from handlers.engines.eager import EagerEngine
from handlers.exceptions import EngineUnavailableError
from handlers.items import EncodeItem
from handlers.text_model import OWN_FILES, TEXT_WEIGHTS_FILE
from model_store import Package, build
from model_store.engines import try_engines
from tests.integration.encoder.tiny import OPTIONS, write_data
from tests.integration.handlers.test_fusion_package import picture, write_posters
from tests.unit.trainer.hub.tiny import write_bert, write_vit
from trainer.data import load_items
from trainer.space import train_space, write_package
from trainer.space.train import TrainedSpace, encode_items

FILM = EncodeItem(title="A film nobody knows", year=1999, genres=("Horror",), text="A ghost on a train.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module", autouse=True)
def _cache(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MARQUEE_CACHE", str(folder / "cache"))
        yield


@pytest.fixture(scope="module")
def trained(folder: Path) -> TrainedSpace:
    write_bert(folder / "my-bert")
    write_vit(folder / "my-vit")
    options = replace(
        OPTIONS,
        architecture="fusion",
        text_model=str(folder / "my-bert"),
        image_model=str(folder / "my-vit"),
        posters=str(write_posters(folder / "pictures")),
        rerank=False,
    )
    return train_space(write_data(folder / "data"), "from-elsewhere", "1", options)


@pytest.fixture(scope="module")
def package(trained: TrainedSpace, folder: Path) -> Package:
    """With a correction that says something, so that posters are read; then all it came from is gone."""
    drawn = np.random.default_rng(0)
    head = {
        part: drawn.normal(0, 0.05, trained.weights[part].shape).astype(np.float16)
        for part in ("fusion.head.weight", "fusion.head.bias")
    }
    config = msgspec.structs.replace(trained.config, reads_posters=True)
    source = write_package(
        replace(trained, config=config, weights=trained.weights | head), folder / "sources"
    )
    for name in ("my-bert", "my-vit", "cache"):
        shutil.rmtree(folder / name)
    return build(str(source.path), folder / "models")


def test_it_says_where_its_models_are_from(package: Package) -> None:
    config = load_config(package.path)
    assert (config.text_model.origin, config.text_model.width, config.text_model.distribution) == (
        "my-bert",
        32,
        "",
    )
    assert config.poster_model is not None
    assert (config.poster_model.origin, config.poster_model.height) == ("my-vit", 48)
    licences = package.manifest.licences
    assert licences["text model"] == "my-bert: its own licence; part of the package"
    assert licences["image model"] == "my-vit: its own licence; part of the package"
    assert "my-bert" in (package.path / "MODEL_CARD.md").read_text()
    assert package.manifest.parameters["poster_model"] == "my-vit"


def test_its_archive_holds_them(package: Package) -> None:
    with zipfile.ZipFile(next(package.path.glob("*.mar"))) as archive:
        assert set(OWN_FILES) <= set(archive.namelist())


def test_every_engine_says_the_same(package: Package) -> None:
    rows = {row.engine: row for row in try_engines(package)}
    assert rows["onnxruntime"].passed
    assert rows["eager"].passed


def test_text_and_poster_change_the_vector(package: Package) -> None:
    encoder = ItemEncoder.load(package.path)
    films = [
        FILM,
        msgspec.structs.replace(FILM, poster=picture(1)),
        msgspec.structs.replace(FILM, text="Snow."),
    ]
    encoded = encoder.encode(films)
    assert encoded.errors == [None] * 3
    assert len({vector.tobytes() for vector in encoded.vectors}) == 3


def test_a_changed_text_model_is_not_run(package: Package, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(package.path, other)
    weights = other / TEXT_WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(EngineUnavailableError, match="holds other weights than the package was trained with"):
        EagerEngine(other)


def test_a_linear_package_reads_by_it_too(folder: Path) -> None:
    write_bert(folder / "another-bert")
    options = replace(OPTIONS, text_model=str(folder / "another-bert"), rerank=False)
    trained = train_space(folder / "data", "linear-elsewhere", "1", options)
    built = build(str(write_package(trained, folder / "sources").path), folder / "models")
    films = encode_items(list(load_items(folder / "data")))
    encoded = ItemEncoder.load(built.path).encode(films)
    assert np.abs(encoded.vectors - trained.vectors).max() < 1e-3
