"""Tables of posters: what is missing or bad is named by file and row; pixels are packed once per content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handlers.images import decode_poster
from handlers.pixels import resize
from trainer.data.posters import (
    cached_array,
    fingerprint,
    labelled_posters,
    movielens_ids,
    packed,
    posters_of,
)
from trainer.exceptions import DataError

MAP = """dataset,item_id,imdb,has_poster,source
ml-100k,4,tt0000001,1,a
ml-latest-small,7,tt0000001,1,a
ml-latest-small,8,tt0000002,1,a
ml-latest-small,9,tt0000009,0,
"""
GENRES = """Id,Genre,Comedy,Drama,N/A
tt0000002,['Comedy'],1,0,0
tt0000003,"['Comedy', 'Drama']",1,1,0
"""


def quiet(what: str, done: int, total: int) -> None:
    """Shows nothing."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "posters").mkdir(parents=True)
    (folder / "poster_map.csv").write_text(MAP)
    (folder / "poster_genres.csv").write_text(GENRES)
    rng = np.random.default_rng(0)
    for number in (1, 2, 3):
        image = Image.fromarray(rng.integers(0, 256, (30, 20, 3), dtype=np.uint8))
        image.save(folder / "posters" / f"tt000000{number}.webp")
    return folder


def test_posters_of_a_set_with_their_item_ids(data: Path) -> None:
    assert [(p.item_id, p.imdb, p.row) for p in posters_of(data, "ml-latest-small")] == [
        ("ml:7", "tt0000001", 2),
        ("ml:8", "tt0000002", 3),
    ]
    assert [p.item_id for p in posters_of(data, "ml-100k")] == ["ml100k:4"]
    with pytest.raises(DataError, match="none of ml-100k"):
        posters_of(data, "ml-9")
    with pytest.raises(DataError, match="no poster of ml-1m"):
        posters_of(data, "ml-1m")


def test_labels_of_posters_outside_movielens(data: Path) -> None:
    assert movielens_ids(data) == {"tt0000001", "tt0000002", "tt0000009"}
    found = labelled_posters(data, movielens_ids(data))
    assert [p.imdb for p in found.posters] == ["tt0000003"]
    assert found.genres == ("Comedy", "Drama")
    assert found.labels.tolist() == [[True, True]]
    assert len(labelled_posters(data).posters) == 2


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("poster_map.csv", "has_poster", "poster", r"poster_map\.csv: no column has_poster"),
        ("poster_map.csv", "tt0000002,1", "tt0000002,yes", r"poster_map\.csv, row 3: has_poster is 'yes'"),
        ("poster_map.csv", "8,tt0000002", "8,tt0000008", r"row 3: names posters/tt0000008\.webp"),
        ("poster_map.csv", "8,tt0000002", "8,../x", r"row 3: '\.\./x' is no IMDb id"),
        ("poster_map.csv", "tt0000002,1,a", "tt0000002", r"row 3: has too few fields"),
        ("poster_genres.csv", ",1,1,0", ",1,2,0", r"poster_genres\.csv, row 2: a genre is neither"),
        ("poster_genres.csv", "Id,", "Film,", r"poster_genres\.csv: no column Id"),
    ],
)
def test_bad_tables_are_named_by_file_and_row(data: Path, file: str, old: str, new: str, said: str) -> None:
    text = (data / file).read_text()
    assert old in text
    (data / file).write_text(text.replace(old, new))
    maps = file == "poster_map.csv"
    with pytest.raises(DataError, match=said):
        posters_of(data, "ml-latest-small") if maps else labelled_posters(data)


def test_a_corrupt_image_is_named_with_its_row(data: Path, tmp_path: Path) -> None:
    path = data / "posters" / "tt0000002.webp"
    path.write_bytes(path.read_bytes()[:60])
    posters = posters_of(data, "ml-latest-small")
    with pytest.raises(DataError, match=r"poster_map\.csv, row 3: .*tt0000002\.webp is "):
        packed(posters, 12, 8, tmp_path / "cache", quiet)
    assert not list((tmp_path / "cache").iterdir()), "half a cache is none"


def test_pixels_are_those_that_are_served_and_packed_once(data: Path, tmp_path: Path) -> None:
    posters, read = posters_of(data, "ml-latest-small"), []

    def count(what: str, done: int, total: int) -> None:
        read.append(done)

    for _ in range(2):
        pixels = packed(posters, 12, 8, tmp_path, count)
    assert read == [1, 2]
    want = resize(decode_poster(posters[1].path.read_bytes()), 12, 8)
    np.testing.assert_array_equal(pixels[1], want)


def test_other_content_is_packed_anew(data: Path, tmp_path: Path) -> None:
    posters = posters_of(data, "ml-latest-small")
    before, pixels = fingerprint(posters), packed(posters, 12, 8, tmp_path, quiet)
    Image.new("RGB", (20, 30), (255, 0, 0)).save(posters[0].path)
    assert fingerprint(posters) != before
    after = packed(posters, 12, 8, tmp_path, quiet)
    assert not np.array_equal(after[0], pixels[0])
    np.testing.assert_array_equal(after[1], pixels[1])


def test_a_torn_cache_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY torn")

    def fill(into: np.ndarray) -> None:
        into[:] = 3

    made = cached_array(path, (2, 2), np.dtype(np.float32), fill)
    assert made.tolist() == [[3.0, 3.0], [3.0, 3.0]]
    np.testing.assert_array_equal(np.load(path), made)
