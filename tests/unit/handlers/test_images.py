"""Posters from strangers: decoded alike, or refused with a reason, and never at the cost of the memory."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from handlers.exceptions import ImageRefusedError
from handlers.images import MAX_BYTES, decode_poster
from trainer.data import poster_frames


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def halves() -> Image.Image:
    """4 wide, 2 high: red on the left, blue on the right."""
    pixels = np.zeros((2, 4, 3), dtype=np.uint8)
    pixels[:, :2, 0] = pixels[:, 2:, 2] = 255
    return Image.fromarray(pixels)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_formats_give_the_same_pixels(kind: str) -> None:
    image = Image.new("RGB", (8, 6), (200, 30, 60))
    pixels = decode_poster(encoded(image, kind))
    assert pixels.shape == (6, 8, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - (200, 30, 60)).max() <= 8


def test_the_shipped_frames_decode() -> None:
    frames = poster_frames()
    assert len(frames) >= 2
    assert all(decode_poster(frame.read_bytes()).std() > 5 for frame in frames)


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned: the first row is the right side
    pixels = decode_poster(encoded(halves(), "PNG", exif=exif))
    assert pixels.shape == (4, 2, 3)
    assert pixels[0, 0, 0] == 255
    assert pixels[-1, 0, 2] == 255


def test_cmyk_and_grey_and_palette_become_rgb() -> None:
    for mode in ("CMYK", "L"):
        assert decode_poster(encoded(halves().convert(mode), "JPEG")).shape == (2, 4, 3)
    assert decode_poster(encoded(halves().convert("P"))).shape == (2, 4, 3)


def test_sixteen_bit_is_scaled_and_not_cut() -> None:
    grey = Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16))
    assert decode_poster(encoded(grey))[0, :, 0].tolist() == [0, 128, 255]


def test_transparency_lies_on_black() -> None:
    assert decode_poster(encoded(Image.new("RGBA", (2, 2), (255, 255, 255, 0)))).max() == 0


def test_an_animation_gives_its_first_frame() -> None:
    first, second = Image.new("RGB", (4, 4), (255, 0, 0)), Image.new("RGB", (4, 4), (0, 0, 255))
    data = encoded(first, "WEBP", save_all=True, append_images=[second], lossless=True)
    assert decode_poster(data)[0, 0].tolist() == [255, 0, 0]


def test_one_pixel_is_an_image() -> None:
    assert decode_poster(encoded(Image.new("RGB", (1, 1)))).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"GIF89a" + b"\0" * 40, "no JPEG, PNG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no JPEG, PNG or WebP"),
        (b"\x89PNG\r\n\x1a\n", "image|broken"),
        (encoded(halves(), "GIF"), "no JPEG, PNG or WebP"),
        (encoded(halves(), "BMP"), "no JPEG, PNG or WebP"),
        (encoded(Image.new("RGB", (400, 400), (9, 200, 9)), "JPEG")[:900], "broken"),
        (b"\xff" * (MAX_BYTES + 1), "larger than 5 MB"),
        (png_header(20_000, 20_000), "million"),
        (png_header(5_001, 5_001), "million"),
    ],
    ids=["empty", "gif", "svg", "header", "real gif", "bmp", "truncated", "too large", "bomb", "just above"],
)
def test_what_is_refused_and_why(data: bytes, reason: str) -> None:
    with pytest.raises(ImageRefusedError, match=reason):
        decode_poster(data)
