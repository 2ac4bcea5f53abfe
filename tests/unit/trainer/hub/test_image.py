"""A ViT from elsewhere sees what its own library has it see, and one that cannot be run is told apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from handlers.network import vision_transformer
from handlers.pixels import normalise
from tests.unit.trainer.hub.tiny import change, write_vit
from trainer.exceptions import TrainingError
from trainer.hub.image import PREPROCESSOR_FILE, hub_vit

POSTERS = np.random.default_rng(1).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)


def quiet(*_: object) -> None:
    pass


def as_theirs(mean: list[float], deviation: list[float]) -> torch.Tensor:
    """The pixels as ``transformers``' own image processor makes them, which needs torchvision."""
    scaled = POSTERS.astype(np.float64) / 255
    return torch.from_numpy((scaled - mean) / deviation).permute(0, 3, 1, 2).float()


def test_it_sees_what_its_own_library_has_it_see(tmp_path: Path) -> None:
    theirs = write_vit(tmp_path / "vit")
    model, vit = hub_vit(str(tmp_path / "vit"), quiet)
    assert (model.height, model.width, model.origin, model.package) == (48, 48, "vit", "")
    said = json.loads((tmp_path / "vit" / PREPROCESSOR_FILE).read_text())
    with torch.inference_mode():
        tokens = vit(torch.from_numpy(normalise(POSTERS)))
        wanted = theirs(as_theirs(said["image_mean"], said["image_std"])).last_hidden_state
    assert tokens.shape == (3, 1 + 9, 32)
    assert torch.allclose(tokens, wanted, atol=1e-5)


def test_pixels_from_minus_one_to_one_where_nothing_is_said(tmp_path: Path) -> None:
    theirs = write_vit(tmp_path / "vit")
    (tmp_path / "vit" / PREPROCESSOR_FILE).unlink()
    _, vit = hub_vit(str(tmp_path / "vit"), quiet)
    pixels = torch.from_numpy(normalise(POSTERS))
    with torch.inference_mode():
        assert torch.allclose(vit(pixels), theirs(pixels).last_hidden_state, atol=1e-5)


def test_a_package_makes_the_same_sizes_again(tmp_path: Path) -> None:
    write_vit(tmp_path / "vit")
    model, vit = hub_vit(str(tmp_path / "vit"), quiet)
    again = vision_transformer(model)
    assert again.config == vit.config
    assert again.config.eps == 1e-12


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model_type": "deit"}, "vit is a deit: only models of the type vit"),
        ({"hidden_act": "relu"}, "hidden_act relu, not gelu"),
        ({"num_channels": 1}, "num_channels 1, not 3"),
        ({"intermediate_size": 40}, "other shapes: 40 of 32"),
        ({"image_size": 50}, "50 x 50 pixels are not whole patches of 16"),
        ({"hidden_size": 64}, "vit cannot be read as a ViTModel"),
    ],
)
def test_what_cannot_be_run_is_refused(tmp_path: Path, fields: dict[str, object], said: str) -> None:
    write_vit(tmp_path / "vit")
    change(tmp_path / "vit", "config.json", **fields)
    with pytest.raises(TrainingError, match=said):
        hub_vit(str(tmp_path / "vit"), quiet)


def test_a_deviation_of_nothing_is_refused(tmp_path: Path) -> None:
    write_vit(tmp_path / "vit")
    change(tmp_path / "vit", PREPROCESSOR_FILE, image_std=[0.5, 0, 0.5])
    with pytest.raises(TrainingError, match="no mean and deviation of three colours"):
        hub_vit(str(tmp_path / "vit"), quiet)
