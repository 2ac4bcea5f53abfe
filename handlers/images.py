"""Poster bytes to pixels, safely: what is no image, or would fill the memory, is refused. Pure."""

from __future__ import annotations

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from handlers.exceptions import ImageRefusedError

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_BYTES = 5_000_000
MAX_PIXELS = 25_000_000
"""Decoded, 25 million pixels are 75 MB."""

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def decode_poster(data: bytes) -> npt.NDArray[np.uint8]:
    """Pixels, uint8 [height, width, 3], upright as EXIF says; of an animation the first frame.

    CMYK, palette, grey and 16-bit images become 8-bit RGB; transparency lies on black.

    Raises:
        ImageRefusedError: not JPEG, PNG or WebP, too large in bytes or pixels, or truncated.
    """
    if not data:
        raise ImageRefusedError("is empty")
    if len(data) > MAX_BYTES:
        raise ImageRefusedError(f"is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        with warnings.catch_warnings():
            # the library warns from its own limit on and fails from twice that; ours is checked below
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return _pixels(image)
    except Image.DecompressionBombError:
        raise ImageRefusedError(f"has more than {MAX_PIXELS // 1_000_000} million pixels") from None
    except UnidentifiedImageError:
        raise ImageRefusedError("is no JPEG, PNG or WebP image") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
        raise ImageRefusedError(f"is broken: {error}") from None


def _pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    width, height = image.size
    if width * height > MAX_PIXELS:
        # the header alone says so: nothing has been decoded yet
        raise ImageRefusedError(f"has {width} x {height} pixels, more than {MAX_PIXELS // 1_000_000} million")
    image.seek(0)
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _SIXTEEN_BIT:
        return _from_sixteen_bit(upright)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        over = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", over.size, (0, 0, 0, 255)), over)
    return np.asarray(upright.convert("RGB"), dtype=np.uint8)


def _from_sixteen_bit(image: Image.Image) -> npt.NDArray[np.uint8]:
    # a plain conversion would cut every value above 255 to white
    grey = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
