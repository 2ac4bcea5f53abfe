"""A poster that is no image is named by its file, and by the row of the table that names that."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from PIL import Image

from handlers.items import EncodeItem
from handlers.vit import VisionTransformer, ViTConfig
from trainer.data.layouts import Layout
from trainer.exceptions import DataError, TrainingError
from trainer.fusion.command import with_posters
from trainer.fusion.frozen import patches_of

SMALL = ViTConfig(image_height=32, image_width=32, stem="patch", width=8, depth=1, heads=2)


def quiet(what: str, done: int, total: int) -> None:
    """Shows nothing."""


@pytest.fixture
def vit() -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(SMALL).eval()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A map of two films, and their posters, of which the second breaks off."""
    (tmp_path / "posters").mkdir()
    (tmp_path / "poster_map.csv").write_text(
        "dataset,item_id,imdb,has_poster,source\nml-1m,2,tt0000001,1,x\nml-1m,3,tt0000003,1,x\n"
    )
    picture = io.BytesIO()
    Image.effect_noise((48, 64), 90).convert("RGB").save(picture, "WEBP")
    (tmp_path / "posters" / "tt0000001.webp").write_bytes(picture.getvalue())
    (tmp_path / "posters" / "tt0000003.webp").write_bytes(picture.getvalue()[: len(picture.getvalue()) // 2])
    return tmp_path


def test_a_broken_poster_of_movielens(data: Path, vit: VisionTransformer, tmp_path: Path) -> None:
    films = [EncodeItem(item_id=f"ml:{n}", title=f"Film {n}") for n in (1, 2, 3)]
    shown = with_posters(films, data, Layout.ML_1M)
    assert [film.poster is not None for film in shown] == [False, True, True]
    said = r"poster_map\.csv, row 2: \S+/posters/tt0000003\.webp, the poster of ml:3 \(Film 3\), is "
    with pytest.raises(DataError, match=said):
        patches_of(shown, vit, tmp_path / "cache", quiet)
    patches, rows = patches_of(shown[:2], vit, tmp_path / "cache", quiet)
    assert (len(patches), rows.tolist()) == (1, [-1, 0])


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_broken_poster_of_ones_own(
    content: bytes, data: Path, vit: VisionTransformer, tmp_path: Path
) -> None:
    (data / "posters" / "m_3.jpg").write_bytes(content)
    shown = with_posters([EncodeItem(item_id="m:3", title="Film 3")], data / "posters", Layout.OWN)
    with pytest.raises(DataError, match=r"posters/m_3\.jpg: the poster of m:3 \(Film 3\) is "):
        patches_of(shown, vit, tmp_path / "cache", quiet)


def test_a_poster_that_is_not_from_a_file_is_named_by_its_film(
    vit: VisionTransformer, tmp_path: Path
) -> None:
    film = EncodeItem(item_id="m:3", title="Film 3", poster=b"no picture")
    with pytest.raises(TrainingError, match=r"^the poster of m:3 \(Film 3\) is no JPEG"):
        patches_of([film], vit, tmp_path, quiet)


def test_a_poster_that_cannot_be_read_is_named(data: Path) -> None:
    (data / "posters" / "m_3.jpg").mkdir()
    with pytest.raises(DataError, match=r"posters/m_3\.jpg: cannot be read: Is a directory"):
        with_posters([EncodeItem(item_id="m:3", title="Film 3")], data / "posters", Layout.OWN)
