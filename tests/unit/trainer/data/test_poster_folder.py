"""Which file is a film's poster."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.data import Layout
from trainer.data.poster_folder import PosterFolder, imdb_ids, mapped_imdb_ids
from trainer.exceptions import DataError


def test_a_poster_is_found_by_id_number_or_imdb_id(tmp_path: Path) -> None:
    for name in ("ml_1.jpg", "2.png", "tt0000003.webp", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    folder = PosterFolder(tmp_path, {"3": "tt0000003", "4": "tt0000004"})
    found = [folder.find(f"ml:{n}") for n in (1, 2, 3, 4)]
    assert [path and path.name for path in found] == ["ml_1.jpg", "2.png", "tt0000003.webp", None]
    assert len(folder) == 3


def test_imdb_ids_come_from_links(tmp_path: Path) -> None:
    assert imdb_ids(tmp_path) == {}
    (tmp_path / "links.csv").write_text("movieId,imdbId,tmdbId\n1,114709,862\n2,,5\n")
    assert imdb_ids(tmp_path) == {"1": "tt0114709"}


def test_numbers_of_ml_100k_are_not_taken_for_those_of_later_sets(tmp_path: Path) -> None:
    posters = tmp_path / "posters"
    posters.mkdir()
    rows = "dataset,item_id,imdb,has_poster,source\nml-100k,4,tt0113161,1,x\nml-1m,4,tt0114885,1,x\n"
    (tmp_path / "poster_map.csv").write_text(rows)
    assert mapped_imdb_ids(posters, Layout.ML_100K) == {"4": "tt0113161"}
    assert mapped_imdb_ids(posters, Layout.ML_1M) == {"4": "tt0114885"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("links.csv", "film,imdbId\n1,2\n", r"links\.csv: no column movieId$"),
        ("links.csv", "movieId,imdbId\n1\n", r"links\.csv, row 1: has too few fields"),
        ("poster_map.csv", "dataset,item_id,has_poster\nml-1m,4,1\n", r"poster_map\.csv: no column imdb$"),
        ("poster_map.csv", "item_id,imdb\n4,tt1\n", r"poster_map\.csv: no column dataset$"),
    ],
)
def test_a_bad_table_is_named(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        imdb_ids(tmp_path) if name == "links.csv" else mapped_imdb_ids(tmp_path, Layout.ML_1M)


def test_what_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: is no folder of posters"):
        PosterFolder(tmp_path / "none", {})
