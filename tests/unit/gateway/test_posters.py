"""Which bytes are a poster."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from streaming.posters import MAX_POSTER_BYTES, InvalidPosterError, check_poster, media_type


def _image(kind: str, size: tuple[int, int] = (30, 20)) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(out, kind)
    return out.getvalue()


def _png_bomb(width: int, height: int) -> bytes:
    """A small PNG that unpacks to width x height grey pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(width + 1)) for _ in range(min(height, 6_000))) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "media"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
)
def test_three_formats_are_taken(kind: str, media: str) -> None:
    content = _image(kind)
    found = check_poster(content)
    assert (found.format, found.width, found.height) == (kind, 30, 20)
    assert media_type(content) == media


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_picture_is_refused(kind: str) -> None:
    content = _image(kind, (200, 200))
    with pytest.raises(InvalidPosterError):
        check_poster(content[: len(content) // 2])


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"<svg/>", b"\x89PNG\r\n\x1a\n" + bytes(100), b"GIF89a"]
)
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidPosterError):
        check_poster(content)
    if content[:4] != b"\x89PNG":
        assert media_type(content) == "application/octet-stream"


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(InvalidPosterError, match="none of"):
        check_poster(_image(kind))


@pytest.mark.parametrize(("width", "height"), [(5_001, 5_000), (6_000, 6_000), (30_000, 30_000)])
def test_a_bomb_is_refused_before_it_is_decoded(
    width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("it was decoded")

    content = _png_bomb(width, height)
    assert len(content) < 2_000_000
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(InvalidPosterError, match="pixels"):
        check_poster(content)


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(InvalidPosterError, match="at most"):
        check_poster(_image("PNG") + bytes(MAX_POSTER_BYTES))
