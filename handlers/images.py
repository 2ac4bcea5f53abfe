"""Poster bytes to pixels, safely: what is no image, or would fill the memory, is refused. Pure."""

from __future__ import annotations

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from handlers.exceptions import ImageRefusedError

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_BYTES = 5_000_000
MAX_PIXELS = 25_000_000
"""Decoded, 25 million pixels are 75 MB."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation that EXIF knows; 1 is upright."""

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
            # the library warns from its own limit of pixels on (ours is checked below) and of broken EXIF
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return _pixels(image)
    except Image.DecompressionBombError:
        raise ImageRefusedError(f"has more than {MAX_PIXELS // 1_000_000} million pixels") from None
    except UnidentifiedImageError:
        raise ImageRefusedError("is no JPEG, PNG or WebP image") from None
    except (ImageRefusedError, MemoryError):
        raise
    except Exception as error:  # the library's readers raise what they stumble over, struct.error among it
        raise ImageRefusedError(f"is broken: {error}") from None


def _pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    width, height = image.size
    if width * height > MAX_PIXELS:
        # the header alone says so: nothing has been decoded yet
        raise ImageRefusedError(f"has {width} x {height} pixels, more than {MAX_PIXELS // 1_000_000} million")
    image.seek(0)
    image.load()
    upright = _turned(image)
    if upright.mode in _SIXTEEN_BIT:
        return _from_sixteen_bit(upright)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        over = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", over.size, (0, 0, 0, 255)), over)
    return np.asarray(upright.convert("RGB"), dtype=np.uint8)


def _turned(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # what is broken beside them costs no pixels
        turn = None
    return image if turn is None else image.transpose(turn)


def _from_sixteen_bit(image: Image.Image) -> npt.NDArray[np.uint8]:
    # a plain conversion would cut every value above 255 to white
    grey = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
