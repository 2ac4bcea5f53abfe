"""Posters from strangers: decoded alike, or refused with a reason, and never at the cost of the memory."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageOps

from handlers.exceptions import ImageRefusedError
from handlers.images import MAX_BYTES, decode_poster
from handlers.pixels import read_posters
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


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    # four corners that differ, in squares large enough for JPEG
    corners = np.zeros((32, 64, 3), dtype=np.uint8)
    corners[:16, :32], corners[:16, 32:], corners[16:, :32] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(corners), kind, exif=exif)
    want = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    got = decode_poster(data)
    assert got.shape == ((64, 32, 3) if 5 <= orientation <= 8 else (32, 64, 3))
    assert np.array_equal(got, want)


def test_pixels_count_though_their_exif_is_broken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "x" * 50
    whole = encoded(halves(), "PNG", exif=exif)
    start = whole.index(b"eXIf") + 4
    length = struct.unpack(">I", whole[start - 8 : start - 4])[0]
    refused = 0
    for place in range(start, start + length):
        for value in (0, 5, 255):
            chunk = bytearray(whole[start : start + length])
            chunk[place - start] = value
            crc = struct.pack(">I", zlib.crc32(b"eXIf" + chunk))
            data = whole[:start] + bytes(chunk) + crc + whole[start + length + 4 :]
            pixels = decode_poster(data)
            assert pixels.shape in ((4, 2, 3), (2, 4, 3))
            refused += pixels.shape == (2, 4, 3)
    assert refused, "nothing of it was ever unreadable"


def test_whatever_bytes_are_changed_a_poster_is_decoded_or_refused() -> None:
    rng = random.Random(7)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "x" * 50
    noise = Image.fromarray(np.random.default_rng(7).integers(0, 255, (40, 30, 3), dtype=np.uint8))
    seeds = [encoded(noise, kind, exif=exif) for kind in ("PNG", "JPEG", "WEBP")]
    seeds += [
        encoded(noise.convert("CMYK"), "JPEG"),
        encoded(noise, "WEBP", save_all=True, append_images=[halves().resize((30, 40))]),
    ]
    outcomes = Counter[str]()
    for _ in range(1_500):
        data = bytearray(rng.choice(seeds))
        reach = rng.choice([len(data), 120])
        for _ in range(rng.choice([1, 2, 20])):
            data[rng.randrange(min(reach, len(data)))] = rng.choice([0, 255, rng.randrange(256)])
        (pixels,), (error,) = read_posters([bytes(data)], 8, 8)
        assert (pixels is None) == (error is not None)
        outcomes["refused" if pixels is None else "decoded"] += 1
    assert min(outcomes["refused"], outcomes["decoded"]) > 100


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
        (png_header(0, 5), "image|broken"),
    ],
    ids=[
        "empty",
        "gif",
        "svg",
        "header",
        "real gif",
        "bmp",
        "truncated",
        "too large",
        "bomb",
        "just above",
        "no width",
    ],
)
def test_what_is_refused_and_why(data: bytes, reason: str) -> None:
    with pytest.raises(ImageRefusedError, match=reason):
        decode_poster(data)
