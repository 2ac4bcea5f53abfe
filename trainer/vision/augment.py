"""Random crops, mirrors and colours of a batch of posters. Pure: all chance comes from the generator."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def augment(
    images: Tensor, height: int, width: int, smallest: float, jitter: float, chance: torch.Generator
) -> tuple[Tensor, Tensor]:
    """uint8 [n, 3, h, w] -> (float32 [n, 3, height, width] in -1..1, bool [n]: which ones are mirrored).

    A crop keeps ``smallest`` to 1 of height and width, each by itself; brightness, contrast and saturation
    vary by 1 +- ``jitter``. ``chance`` lives on the CPU, so that every device draws alike.
    """
    n = len(images)
    drawn = torch.rand(8, n, generator=chance).to(images.device)
    kept = smallest + (1 - smallest) * drawn[:2]
    # the middle of a crop, in the coordinates -1..1 of affine_grid
    middle = (2 * drawn[2:4] - 1) * (1 - kept)
    mirrored = drawn[4] < 0.5
    sign = torch.where(mirrored, -1.0, 1.0)
    zero = torch.zeros_like(sign)
    matrix = torch.stack(
        [
            torch.stack([kept[1] * sign, zero, middle[1]], dim=1),
            torch.stack([zero, kept[0], middle[0]], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(matrix, [n, 3, height, width], align_corners=False)
    pixels = images.float() / 127.5 - 1.0
    cut = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    return _colours(cut, 1 + jitter * (2 * drawn[5:8] - 1)), mirrored


def _colours(pixels: Tensor, factors: Tensor) -> Tensor:
    brightness, contrast, saturation = (one[:, None, None, None] for one in factors)
    pixels = (pixels + 1) * brightness - 1
    grey = pixels.mean(dim=1, keepdim=True)
    pixels = grey + (pixels - grey) * saturation
    mean = grey.mean(dim=(2, 3), keepdim=True)
    out: Tensor = (mean + (pixels - mean) * contrast).clamp(-1, 1)
    return out
