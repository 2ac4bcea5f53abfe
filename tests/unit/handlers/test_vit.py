"""The poster transformer: shapes, what its configuration refuses, its ONNX form, its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from handlers.pixels import normalise, prepare, resize
from handlers.vit import VisionTransformer, ViTConfig

TINY = ViTConfig(image_height=24, image_width=16, patch=8, width=16, depth=2, heads=2, mlp_ratio=2)


def network(config: ViTConfig = TINY) -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(config).eval()


@pytest.mark.parametrize("stem", ["conv", "patch"])
def test_tokens_are_cls_and_patches(stem: str) -> None:
    made = network(ViTConfig(**{**{f: getattr(TINY, f) for f in TINY.__struct_fields__}, "stem": stem}))
    tokens = made(torch.zeros(3, 3, 24, 16))
    assert tokens.shape == (3, 1 + 3 * 2, 16)
    assert tokens.dtype == torch.float32


def test_the_default_fits_a_source_package() -> None:
    with torch.device("meta"):
        count = sum(p.numel() for p in VisionTransformer(ViTConfig()).parameters())
    assert 2_000_000 < count <= 4_000_000, "fp16 weights may take 8 MB"


def test_an_image_does_not_hang_on_its_batch() -> None:
    made, images = network(), torch.randn(5, 3, 24, 16)
    with torch.inference_mode():
        torch.testing.assert_close(made(images)[2:3], made(images[2:3]), rtol=1e-4, atol=1e-5)


def test_patches_know_their_place() -> None:
    made, image = network(), torch.zeros(1, 3, 24, 16)
    image[..., :8, :8] = 1.0
    with torch.inference_mode():
        change = (made(image) - made(torch.zeros_like(image))).abs().sum(-1)[0]
    assert (change > 0).all(), "attention carries a patch to every token"
    with torch.inference_mode():
        flipped = made(image.flip(-1))
    assert not torch.allclose(flipped, made(image), atol=1e-3)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"image_height": 90}, "whole patches"),
        ({"heads": 5}, "heads"),
        ({"depth": 0}, "at least 1"),
        ({"patch": 12, "image_height": 96, "image_width": 60}, "power of two"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ViTConfig(**wrong)


def test_onnx_opset_20_with_any_batch_gives_the_same(tmp_path: Path) -> None:
    made, path = network(), tmp_path / "vit.onnx"
    batch = torch.export.Dim("batch", min=1, max=4096)
    torch.onnx.export(
        made,
        (torch.randn(2, 3, 24, 16),),
        str(path),
        input_names=["pixels"],
        output_names=["tokens"],
        dynamic_shapes=({0: batch},),
        opset_version=20,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for rows in (1, 2, 7):
        pixels = torch.randn(rows, 3, 24, 16)
        with torch.inference_mode():
            want = made(pixels).numpy()
        (got,) = session.run(["tokens"], {"pixels": pixels.numpy()})
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)


def test_pixels_are_scaled_and_channels_first() -> None:
    image = np.zeros((30, 20, 3), dtype=np.uint8)
    image[..., 1] = 255
    made = prepare([image, image], 24, 16)
    assert made.shape == (2, 3, 24, 16)
    assert made.dtype == np.float32
    assert made[:, 1].min() == made[:, 1].max() == 1.0
    assert made[:, 0].max() == -1.0


def test_resizing_averages_instead_of_dropping() -> None:
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = resize(stripes, 8, 8)
    assert abs(small.astype(int)[:, 1:-1] - 127).max() <= 3


def test_an_image_of_the_right_size_is_left_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (24, 16, 3), dtype=np.uint8)
    assert resize(image, 24, 16) is image
    np.testing.assert_allclose((normalise([image])[0].transpose(1, 2, 0) + 1) * 127.5, image, atol=1e-3)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_other_arrays_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        prepare([np.zeros(shape, dtype=np.uint8)], 24, 16)
    with pytest.raises(ValueError, match="no images"):
        prepare([], 24, 16)
