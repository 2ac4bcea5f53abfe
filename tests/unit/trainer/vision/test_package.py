"""The poster encoder as a package: what is loaded is what was trained, and one command makes it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest
import torch
from click.testing import CliRunner

from handlers.exceptions import PackageFileError
from handlers.poster_model import load_poster_config, load_vit
from handlers.posters import PosterEncoder
from handlers.vit import ViTConfig
from model_store import PackageExistsError, build
from model_store.store import find_source
from tests.unit.trainer.vision.tiny import examples, options
from trainer.vision.examples import genre_labels
from trainer.vision.module import PosterModel
from trainer.vision.options import ViTOptions
from trainer.vision.package import write_vit_package
from trainer.vision.train import TrainedViT

DATA = Path(os.environ.get("MARQUEE_DATA", "../shared/data"))


def trained(chosen: ViTOptions) -> TrainedViT:
    torch.manual_seed(0)
    model = PosterModel(examples(), chosen, 4).eval()
    return TrainedViT(model, chosen, 1, 2, {"val_map": 0.5}, "32-true", "cpu")


def test_what_is_loaded_is_what_was_trained(tmp_path: Path) -> None:
    made = trained(options())
    package = write_vit_package(made, examples(), tmp_path, "poster-encoder", "9", {"probe_vit": 30.0})
    assert find_source(str(package.path)).manifest == package.manifest, "every file has its checksum"
    assert package.manifest.metrics == {"val_map": 0.5, "probe_vit": 30.0}
    assert load_poster_config(package.path).genres == ("Bar", "Red")
    loaded, pixels = load_vit(package.path), torch.randn(3, 3, 32, 16)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(pixels), made.model.vit(pixels), rtol=0.02, atol=0.02)
    card = (package.path / "MODEL_CARD.md").read_text()
    for word in ("GroupLens", "probe_vit | 30.0", "Limits", "copyright", "tiny"):
        assert word in card
    with pytest.raises(PackageExistsError):
        write_vit_package(made, examples(), tmp_path, "poster-encoder", "9", {})


def test_it_is_built_like_any_package_and_proves_itself(tmp_path: Path) -> None:
    package = write_vit_package(trained(options()), examples(), tmp_path, "poster-encoder", "9", {})
    built = build(str(package.path), tmp_path / "built")
    loaded = PosterEncoder.load(built.path)
    assert loaded.package == "poster-encoder@9"
    assert loaded.engine.name == "onnxruntime"
    assert built.manifest.outputs["vector"].shape == ("batch", loaded.dim)


def test_the_default_size_stays_below_8_mb(tmp_path: Path) -> None:
    model = msgspec.structs.replace(options(), model=ViTConfig())
    package = write_vit_package(trained(model), examples(), tmp_path, "poster-encoder", "9", {})
    assert 4_000_000 < package.manifest.files["weights.safetensors"].bytes < 8_000_000


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    package = write_vit_package(trained(options()), examples(), tmp_path, "poster-encoder", "9", {})
    config = package.path / "config.json"
    told = config.read_text()
    config.write_text(told.replace('"depth": 1', '"depth": 2'))
    with pytest.raises(PackageFileError, match=r"weights\.safetensors does not fit"):
        load_vit(package.path)
    config.write_text(told.replace('"schema": 1', '"schema": 2'))
    with pytest.raises(PackageFileError, match="schema 2"):
        load_vit(package.path)
    config.write_text("{")
    with pytest.raises(PackageFileError, match=r"config\.json"):
        load_vit(package.path)


def test_rare_genres_are_left_out() -> None:
    from handlers.items import EncodeItem

    films = [EncodeItem(title="a", genres=("X", "Y")), EncodeItem(title="b", genres=("X",))]
    genres, labels = genre_labels(films, least=2)
    assert genres == ("X",)
    assert labels.tolist() == [[1.0], [1.0]]


@pytest.mark.data
@pytest.mark.full
@pytest.mark.skipif(not (DATA / "poster_map.csv").is_file(), reason=f"needs posters in {DATA} (MARQUEE_DATA)")
def test_one_command_makes_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.cli.train import command

    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MARQUEE_CACHE", str(tmp_path / "cache"))
    sizes = ["--limit", "64", "--epochs", "1", "--batch", "16", "--depth", "1", "--width", "64"]
    folders = ["--data", str(DATA), "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    found = CliRunner().invoke(command, ["vit", *folders, *sizes, "--threads", "1", "--json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert 0 < told["metrics"]["probe_vit"] <= 100
    assert {"probe_random_vit", "probe_teacher", "probe_majority"} < set(told["metrics"])
    assert load_vit(Path(told["path"])).config.depth == 1
