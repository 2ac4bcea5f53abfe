"""Bytes that are not UTF-8 are named by file and row; a byte order mark is no part of a name."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.data import all_ratings, load_items
from trainer.data.folder import items_of, ratings_of
from trainer.data.poster_folder import imdb_ids
from trainer.data.tables import header, plain_rows, table_rows
from trainer.exceptions import DataError

BOM = b"\xef\xbb\xbf"
RATINGS = b"userId,movieId,rating,timestamp\n1,10,4.5,100\n"
MOVIES = b"movieId,title,genres\n10,Heat (1995),Crime\n"
OWN_RATINGS = b"user_id,item_id,value\nann,22,4.5\n"
OWN_ITEMS = b"item_id,title\n22,Bare\n"


def write(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("files", "read", "said"),
    [
        (
            {
                "ratings__csv": RATINGS,
                "movies__csv": MOVIES + b'11,"A\nB (1999)",Drama\n12,Am\xe9lie,Drama\n',
            },
            lambda folder: list(load_items(folder)),
            r"movies\.csv, row 3: byte 0xe9 is not UTF-8$",
        ),
        (
            {"ratings__csv": RATINGS, "movies__csv": b"movieId,title,genr\xe9s\n10,Heat,Crime\n"},
            lambda folder: list(load_items(folder)),
            r"movies\.csv: byte 0xe9 is not UTF-8 \(in the header\)$",
        ),
        (
            {"ratings__csv": RATINGS, "movies__csv": MOVIES, "posters__csv": b"9,http://a\n10,http://\xe9\n"},
            lambda folder: list(load_items(folder)),
            r"posters\.csv, row 2: byte 0xe9",
        ),
        (
            {"ratings__csv": RATINGS, "movies__csv": MOVIES, "abstracts__json": b'{"10": "\xe9"}'},
            lambda folder: list(load_items(folder)),
            r"abstracts\.json: ",
        ),
        (
            {"ratings__csv": OWN_RATINGS + b"ren\xe9,22,4\n", "items__csv": OWN_ITEMS},
            all_ratings,
            r"ratings\.csv, row 2: a text is not UTF-8",
        ),
        (
            {"ratings__csv": OWN_RATINGS, "items__csv": OWN_ITEMS + b"23,Am\xe9lie\n"},
            lambda folder: list(load_items(folder)),
            r"items\.csv, row 2: byte 0xe9",
        ),
        (
            {"links__csv": b"movieId,imdbId\n1,2\n\n2,\xe9\n"},
            imdb_ids,
            r"links\.csv, row 2: byte 0xe9",
        ),
    ],
    ids=["films", "header", "poster urls", "abstracts", "own ratings", "own films", "links"],
)
def test_what_is_not_utf8_is_named(
    files: dict[str, bytes], read: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    write(tmp_path, **files)
    with pytest.raises(DataError, match=said):
        read(tmp_path)


def test_only_columns_that_are_read_must_be_utf8(tmp_path: Path) -> None:
    gr = "größe".encode("latin-1")
    write(tmp_path, ratings__csv=b"user_id,item_id,value," + gr + b"\nann,22,4,\xe9\n", items__csv=OWN_ITEMS)
    assert all_ratings(tmp_path).user_ids.tolist() == ["ann"]


def test_a_bad_byte_far_down_is_found(tmp_path: Path) -> None:
    rows = b"".join(b'%d,"a\nb"\n' % n for n in range(50_000))
    path = write(tmp_path, t__csv=b"id,text\n" + rows + b"x,\xff\n") / "t.csv"
    with pytest.raises(DataError, match=r"t\.csv, row 50001: byte 0xff"):
        list(table_rows(path, ("id",)))


@pytest.mark.parametrize(
    ("films", "ratings"),
    [
        (("movies.csv", MOVIES), ("ratings.csv", RATINGS)),
        (("movies.dat", b"10::Heat (1995)::Crime\n"), ("ratings.dat", b"1::10::4.5::100\n")),
        (("movies.dat", b"10::Heat (1995)::Crime\n"), ("ratings_train.csv.gz", RATINGS)),
        (
            ("u.item", b"|".join([b"10", b"Heat (1995)", b"", b"", b"", *[b"0"] * 19]) + b"\n"),
            ("u.data", b"1\t10\t4.5\t100\n"),
        ),
        (("items.csv", OWN_ITEMS), ("ratings.csv", OWN_RATINGS)),
    ],
)
def test_a_byte_order_mark_is_passed_over(
    films: tuple[str, bytes], ratings: tuple[str, bytes], tmp_path: Path
) -> None:
    pack = gzip.compress if ratings[0].endswith(".gz") else bytes
    for marked in (b"", BOM):
        (tmp_path / films[0]).write_bytes(marked + films[1])
        (tmp_path / ratings[0]).write_bytes(pack(marked + ratings[1]))
        items, rated = list(load_items(tmp_path)), all_ratings(tmp_path)
        assert [item.item_id for item in items] == rated.item_ids.tolist()
        assert rated.values.tolist() == [4.5]
        if films[0] != "items.csv":
            assert len(items_of(tmp_path / films[0])) == len(ratings_of(tmp_path / ratings[0])) == 1


def test_a_mark_says_that_a_file_is_utf8(tmp_path: Path) -> None:
    path = tmp_path / "movies.dat"
    path.write_bytes(BOM + "1::Amélie (2001)::Comedy\n".encode())
    assert items_of(path)[0].title == "Amélie"
    path.write_bytes(BOM + b"1::Heat (1995)::Crime\n2::Am\xe9lie (2001)::Comedy\n")
    with pytest.raises(DataError, match=r"movies\.dat, row 2: byte 0xe9 is not UTF-8"):
        items_of(path)


def test_a_table_is_as_wide_as_its_header(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2,,\n\n3\n")
    rows = table_rows(path, ("a",))
    assert next(rows) == (1, {"a": "1", "b": "2"})
    with pytest.raises(DataError, match=r"t\.csv, row 2: has too few fields: 1, not 2"):
        next(rows)
    path.write_text("a,b\n1,2,3\n")
    with pytest.raises(DataError, match=r"row 1: has too many fields: 3, not 2"):
        list(table_rows(path, ("a",)))
    assert header(path) == ["a", "b"]
    assert list(plain_rows(path)) == [(1, ["a", "b"]), (2, ["1", "2", "3"])]


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for read in (header, lambda file: list(table_rows(file, ()))):
        with pytest.raises(DataError, match=r"none\.csv: cannot be read: No such file"):
            read(tmp_path / "none.csv")
