"""One way of counting rows, whoever reads the file: the first of the data is 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from trainer.data import all_ratings, load_items
from trainer.data.arrow_parquet import parquet_batches
from trainer.data.folder import items_of, ratings_of
from trainer.exceptions import DataError

MANY = 70_000
"""More rows than a batch of Parquet holds."""


@pytest.mark.parametrize(
    ("name", "good", "bad", "header"),
    [
        ("r.csv", "1,2,3,4\n", "1,2,x,4\n", "userId,movieId,rating,timestamp\n"),
        ("r.csv", "1,2,3,4\n\n", "1,2,7,4\n", "userId,movieId,rating,timestamp\n"),
        ("r.csv", "1,2,3,4\n", "1,2\n", "userId,movieId,rating,timestamp\n"),
        ("r.dat", "1::2::3::4\n", "1::2::x::4\n", ""),
        ("r.dat", "1::2::3::4\n", "1::2::7::4\n", ""),
        ("u.data", "1\t2\t3\t4\n", "1\t2\n", ""),
    ],
)
@pytest.mark.parametrize("before", [0, 3, 200_000])
def test_rows_of_ratings(name: str, good: str, bad: str, header: str, before: int, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(header + good * before + bad)
    with pytest.raises(DataError) as caught:
        ratings_of(path)
    assert caught.value.row == before + 1
    assert "#" not in str(caught.value)


def test_a_missing_column_is_told_in_our_words(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("userId,movieId,stars,timestamp\n1,2,3,4\n")
    with pytest.raises(DataError, match=r"r\.csv: no column rating$"):
        ratings_of(path)


@pytest.mark.parametrize(
    ("name", "good", "twice"),
    [
        ("movies.csv", "movieId,title,genres\n1,A (1999),Drama\n\n2,B (1999),Drama\n", "1,C (1999),Drama\n"),
        ("movies.dat", "1::A (1999)::Drama\n\n2::B (1999)::Drama\n", "1::C (1999)::Drama\n"),
        (
            "u.item",
            "".join(f"{n}|A (1999)|||{'|0' * 19}\n" for n in (1, 2)),
            f"1|C (1999)|||{'|0' * 19}\n",
        ),
    ],
)
def test_a_film_that_comes_twice_is_refused(name: str, good: str, twice: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(good)
    assert len(list(load_items(tmp_path))) == 2
    path.write_text(good + twice)
    for read in (load_items, items_of):
        with pytest.raises(DataError, match=rf"{name}, row 3: film 1 comes twice"):
            list(read(tmp_path if read is load_items else path))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("3,A (1999)", "row 2: has too few fields: 2, not 3"),
        ("3,Matrix, The (1999),Action", "row 2: has too many fields: 4, not 3"),
    ],
)
def test_a_row_of_another_width_is_refused(line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "movies.csv").write_text(f"movieId,title,genres\n1,B (1999),Drama\n{line}\n")
    with pytest.raises(DataError, match=rf"movies\.csv, {said}"):
        list(load_items(tmp_path))


def parquet(path: Path, **columns: Any) -> Path:
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


def not_utf8(texts: list[bytes]) -> pa.Array:
    """What a careless writer calls text."""
    as_bytes = pa.array(texts, pa.binary())
    return pa.StringArray.from_buffers(len(texts), *as_bytes.buffers()[1:])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"value": ["4", "good"]}, r"ratings\.parquet, row 2: value: .*'good'"),
        ({"user_id": not_utf8([b"ann", b"ren\xe9"])}, r"row 2: user_id: a text is not UTF-8"),
        ({"user_id": [b"ann", b"ren\xe9"]}, r"row 2: user_id: a text is not UTF-8"),
        ({"event_time_ms": [1.0, 2.5], "value": ["x", "4"]}, r"row 1: value: "),
        ({"event_time_ms": [[1], [2]]}, r"ratings\.parquet: column event_time_ms: "),
        ({"value": [4.0, None]}, r"row 2: no value"),
    ],
)
def test_a_bad_value_in_parquet_is_named(columns: dict[str, Any], said: str, tmp_path: Path) -> None:
    parquet(tmp_path / "items.parquet", item_id=["22"], title=["Bare"])
    good = {"user_id": ["ann", "bob"], "item_id": ["22", "22"], "value": [4.0, 3.0]}
    parquet(tmp_path / "ratings.parquet", **good)
    assert len(all_ratings(tmp_path)) == 2
    parquet(tmp_path / "ratings.parquet", **(good | columns))
    with pytest.raises(DataError, match=said):
        all_ratings(tmp_path)


def test_rows_count_on_from_batch_to_batch(tmp_path: Path) -> None:
    texts = ["4"] * MANY
    texts[MANY - 2] = "good"
    path = parquet(tmp_path / "t.parquet", value=texts)
    with pytest.raises(DataError) as caught:
        list(parquet_batches(path, {"value": pa.float64()}, ("value",)))
    assert caught.value.row == MANY - 1


@pytest.mark.parametrize("export", [False, True])
def test_a_bad_film_in_parquet_is_named(export: bool, tmp_path: Path) -> None:
    if export:
        (tmp_path / "users.parquet").touch()
    path, ids = tmp_path / "items.parquet", ["1", "2", "3"]
    genres = pa.ListArray.from_arrays([0, 1, 2, 3], not_utf8([b"Drama", b"Com\xe9die", b"Crime"]))
    for columns, said in [
        ({"title": not_utf8([b"A", b"B", b"Am\xe9lie"])}, r"row 3: title: a text is not UTF-8"),
        ({"title": ids, "genres": genres}, r"row 2: genres: a text is not UTF-8"),
        ({"name": ids}, r"no column title"),
        ({"title": ["A", None, "C"]}, r"row 2: .*title"),
        ({"title": ids, "item_id": ["1", "2", "1"]}, r"row 3: film 1 comes twice"),
    ]:
        parquet(path, **({"item_id": ids} | columns))
        with pytest.raises(DataError, match=rf"items\.parquet(, |: ){said}"):
            list(load_items(tmp_path))


def test_take_backs_in_an_export_are_rows(tmp_path: Path) -> None:
    parquet(tmp_path / "items.parquet", item_id=["1"], title=["A"])
    for value, said in [(9.0, "row 3: rating 9.0"), ("good", r"row 3: value: .*'good'")]:
        values = [None, None, value]
        columns = {"user_id": ["a", "b", "c"], "item_id": ["1"] * 3, "event_time_ms": [1, 2, 3]}
        parquet(tmp_path / "users.parquet", **columns, value=values)
        with pytest.raises(DataError, match=said):
            all_ratings(tmp_path)
