"""Posters to what the vision transformer takes: the same code in training and serving. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from handlers.exceptions import ImageRefusedError
from handlers.images import decode_poster

Pixels = npt.NDArray[np.uint8]


def resize(image: Pixels, height: int, width: int) -> Pixels:
    """uint8 [h, w, 3] -> uint8 [height, width, 3], antialiased.

    The whole poster is kept and stretched: what a crop would cut off is often the title.

    Raises:
        ValueError: if ``image`` is no uint8 [h, w, 3].
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"pixels are {image.dtype} {image.shape}, not uint8 [h, w, 3]")
    if image.shape[:2] == (height, width):
        return image

    small = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(small, dtype=np.uint8)


def normalise(images: Sequence[Pixels] | Pixels) -> npt.NDArray[np.float32]:
    """n images uint8 [h, w, 3] of one size -> float32 [n, 3, h, w] in -1..1."""
    stacked = np.stack(list(images)) if not isinstance(images, np.ndarray) else images
    scaled = stacked.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - np.float32(1.0)
    return np.ascontiguousarray(scaled)


def prepare(images: Sequence[Pixels], height: int, width: int) -> npt.NDArray[np.float32]:
    """Decoded posters of any size, uint8 [h, w, 3] each -> float32 [n, 3, height, width] in -1..1.

    Raises:
        ValueError: as :func:`resize`; also if there are none.
    """
    if not images:
        raise ValueError("no images")
    return normalise([resize(image, height, width) for image in images])


def read_posters(
    posters: Sequence[bytes | None], height: int, width: int
) -> tuple[list[Pixels | None], list[str | None]]:
    """Each poster as uint8 [height, width, 3], or why it is none; ``None`` twice where there is no poster.

    One after the other, so that one whole picture at a time fills the memory.
    """
    pixels: list[Pixels | None] = [None] * len(posters)
    errors: list[str | None] = [None] * len(posters)
    for i, poster in enumerate(posters):
        if poster is not None:
            try:
                pixels[i] = resize(decode_poster(poster), height, width)
            except ImageRefusedError as error:
                errors[i] = f"the poster {error}"
    return pixels, errors
