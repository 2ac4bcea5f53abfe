"""Cards and files of one's own."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from streaming.events import Item
from trainer.data.cards import card, describe, markdown, spread
from trainer.data.columns import Ratings
from trainer.data.folder import items_of, ratings_of, read_files
from trainer.exceptions import DataError

RATINGS = "userId,movieId,rating,timestamp\n1,10,4.5,964982703\n1,11,2,964982704\n2,10,3,\n"
MOVIES = 'movieId,title,genres\n10,"Matrix, The (1999)",Action|Sci-Fi\n11,Heat (1995),Crime\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ratings.csv").write_text(RATINGS)
    (tmp_path / "movies.csv").write_text(MOVIES)
    return tmp_path


def test_a_card_counts(folder: Path) -> None:
    found = describe(folder)
    assert (found["ratings"], found["users"], found["films"]) == (3, 2, 2)
    assert found["density"] == 0.75
    assert found["values"] == {"2": 1, "3": 1, "4.5": 1}
    assert found["times"] == {"known": 2, "first": "2000-07-30", "last": "2000-07-30"}
    assert found["genres"] == {"Action": 1, "Sci-Fi": 1, "Crime": 1}
    assert "| films | 2 |" in markdown("x", found)


def test_a_card_shows_what_is_odd() -> None:
    ratings = Ratings(
        np.array(["u", "u", "v"], dtype=object),
        np.array(["a", "a", "z"], dtype=object),
        np.array([1.0, 5.0, 4.0]),
        np.array([1, 2, 3], dtype=np.int64),
    )
    found = card(ratings, [Item(item_id="a", title="A"), Item(item_id="b", title="B")])
    assert found["rated_again"] == 1
    assert found["ratings_of_unknown_films"] == 1
    assert found["films_without_ratings"] == 1


def test_three_files_of_any_form_are_read_alike(folder: Path, tmp_path: Path) -> None:
    dat = tmp_path / "r.dat.gz"
    dat.write_bytes(gzip.compress(b"1::10::4.5::964982703\n1::11::2::964982704\n2::10::3::978300019\n"))
    movies = tmp_path / "m.dat"
    movies.write_bytes("10::Matrix, The (1999)::Action|Sci-Fi\n11::Amélie (2001)::Comedy\n".encode("latin-1"))
    tabs = tmp_path / "u.tabs"
    tabs.write_text("1\t10\t4.5\t964982703\n")
    csv, other = ratings_of(folder / "ratings.csv"), ratings_of(dat)
    assert csv.item_ids.tolist() == other.item_ids.tolist() == ["ml:10", "ml:11", "ml:10"]
    assert csv.values.tolist() == other.values.tolist()
    assert ratings_of(tabs).values.tolist() == [4.5]
    assert [item.title for item in items_of(movies)] == ["The Matrix", "Amélie"]
    files = read_files(folder / "ratings.csv", tabs, folder / "movies.csv")
    assert len(files.items) == 2


def test_files_of_ones_own_are_read_beside_those_of_movielens(folder: Path) -> None:
    own, films = folder / "mine.csv", folder / "films.csv"
    own.write_text("user_id,item_id,value\nann,ml:10,4\n")
    films.write_text("item_id,title,genres\nml:10,The Matrix,Action|Sci-Fi\n")
    files = read_files(own, folder / "ratings.csv", films)
    assert (files.train.user_ids.tolist(), files.train.item_ids.tolist()) == (["ann"], ["ml:10"])
    assert files.test.item_ids.tolist() == ["ml:10", "ml:11", "ml:10"]
    assert [item.item_id for item in files.items] == ["ml:10"]
    table = pa.table({"user_id": ["ann"], "item_id": ["ml:10"], "value": [4.0]})
    pyarrow.parquet.write_table(table, folder / "mine.parquet")
    assert ratings_of(folder / "mine.parquet").item_ids.tolist() == ["ml:10"]
    own.write_text("who,what,value\nann,ml:10,4\n")
    for read, said in ((ratings_of, "userId .* nor user_id"), (items_of, "movieId .* nor item_id")):
        with pytest.raises(DataError, match=said):
            read(own)


def test_a_card_tells_what_is_not_there_in_one_line_and_numbers_short() -> None:
    assert markdown("n", {"a": 1, "b_c": 0, "d": {}}).endswith("| a | 1 |\n| none | b c, d |\n")
    assert spread([1, 1, 1, 1, 400.3, 500])["p90"] == 450.15


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("userId,movieId,rating,timestamp\n1,10,9,1\n", "row 1: rating 9.0"),
        ("userId,movieId,rating,timestamp\n1,10,4,1\n1,11,nan,1\n", "row 2: rating nan"),
        ("userId,movieId,rating,timestamp\n", "holds no ratings"),
        ("userId,movieId,stars\n1,2,3\n", "rating"),
    ],
)
def test_bad_ratings_are_refused_by_file_and_row(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "r.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=said) as caught:
        ratings_of(path)
    assert str(path) in str(caught.value)


def test_bad_films_are_refused_by_file_and_row(tmp_path: Path) -> None:
    path = tmp_path / "movies.csv"
    path.write_text("movieId,title,genres\n1,A (2000),Drama\n1,B (2001),Drama\n")
    with pytest.raises(DataError, match=r"row 2: film 1 comes twice"):
        items_of(path)
    with pytest.raises(DataError, match="does not exist"):
        items_of(tmp_path / "none.csv")
