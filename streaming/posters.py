"""Which bytes are a poster: a whole JPEG, PNG or WebP of bounded size, checked before it is decoded."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Final

from PIL import Image, UnidentifiedImageError

from streaming.exceptions import MarqueeError

MAX_POSTER_BYTES: Final = 5 * 2**20
MAX_PIXELS: Final = 25_000_000
# Pillow warns only at three times our limit, and of pictures that we refuse anyway
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

FORMATS: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


class InvalidPosterError(MarqueeError):
    """Bytes that are no poster, and why."""


@dataclass(frozen=True)
class Poster:
    """What was found: one of :data:`FORMATS`, and pixels."""

    format: str
    width: int
    height: int


def check_poster(content: bytes) -> Poster:
    """What ``content`` is, once it has been decoded whole.

    Raises:
        InvalidPosterError: if it is too large, of another format, truncated, or has too many pixels
            (known from its header: a decompression bomb is never decoded).
    """
    if len(content) > MAX_POSTER_BYTES:
        raise InvalidPosterError(f"a poster holds at most {MAX_POSTER_BYTES} bytes")
    try:
        with Image.open(io.BytesIO(content), formats=list(FORMATS)) as image:
            poster = Poster(str(image.format), image.width, image.height)
            if poster.width * poster.height > MAX_PIXELS:
                raise InvalidPosterError(
                    f"{poster.width} x {poster.height} pixels; a poster has at most {MAX_PIXELS}"
                )
            image.load()
    except InvalidPosterError:
        raise
    except UnidentifiedImageError:
        raise InvalidPosterError(f"the bytes are none of {', '.join(FORMATS)}, or damaged") from None
    except Image.DecompressionBombError:
        raise InvalidPosterError(f"a poster has at most {MAX_PIXELS} pixels") from None
    # what Pillow's decoders raise for damaged files is not one type
    except Exception as error:
        raise InvalidPosterError(f"the picture is damaged: {error}") from None
    return poster


def media_type(content: bytes) -> str:
    """The media type by the first bytes, ``application/octet-stream`` where they are none of ours."""
    if content.startswith(b"\xff\xd8\xff"):
        return FORMATS["JPEG"]
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return FORMATS["PNG"]
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return FORMATS["WEBP"]
    return "application/octet-stream"
