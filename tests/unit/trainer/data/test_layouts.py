"""Every layout gives the same ratings and films; what is bad is named with its file and row."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from streaming.events import Item
from trainer.data import (
    FALLBACK_TIME_MS,
    Layout,
    all_ratings,
    detect_layout,
    load_items,
    open_shipped,
    resolve,
)
from trainer.data.compose import same_film
from trainer.exceptions import DataError


def folder(path: Path, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, content in files.items():
        (path / name.replace("__", ".")).write_text(content, encoding="latin-1")
    return path


def ml_csv(path: Path) -> Path:
    return folder(
        path,
        ratings__csv="userId,movieId,rating,timestamp\n1,10,4.5,100\n2,11,0.5,200\n",
        movies__csv="movieId,title,genres\n"
        '10,"Matrix, The (1999)",Action|Sci-Fi\n11,Bare,(no genres listed)\n',
    )


def ml_1m(path: Path) -> Path:
    return folder(
        path,
        ratings__dat="1::10::4.5::100\n2::11::0.5::200\n",
        movies__dat="10::Matrix, The (1999)::Action|Sci-Fi\n11::Bare::\n",
    )


def ml_100k(path: Path) -> Path:
    marks = ["0"] * 19
    action = marks.copy()
    action[1] = action[15] = "1"
    return folder(
        path,
        u__data="1\t10\t4.5\t100\n2\t11\t0.5\t200\n",
        u__item=f"10|Matrix, The (1999)|01-Jan-1999||url|{'|'.join(action)}\n"
        f"11|Bare|||url|{'|'.join(marks)}\n",
    )


@pytest.mark.parametrize(
    ("make", "layout", "namespace"),
    [(ml_csv, Layout.ML_CSV, "ml"), (ml_1m, Layout.ML_1M, "ml"), (ml_100k, Layout.ML_100K, "ml100k")],
)
def test_layouts_agree(make: object, layout: Layout, namespace: str, tmp_path: Path) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    assert detect_layout(path) is layout
    ratings = all_ratings(path)
    assert ratings.user_ids.tolist() == [f"{namespace}:1", f"{namespace}:2"]
    assert ratings.item_ids.tolist() == [f"{namespace}:10", f"{namespace}:11"]
    assert ratings.values.tolist() == [4.5, 0.5]
    assert ratings.event_time_ms.tolist() == [100_000, 200_000]
    assert list(load_items(path)) == [
        Item(f"{namespace}:10", "The Matrix", 1999, ("Action", "Sci-Fi")),
        Item(f"{namespace}:11", "Bare"),
    ]


def test_a_file_of_ratings_may_be_named_itself(tmp_path: Path) -> None:
    path = ml_100k(tmp_path)
    (path / "u1.base").write_text("7\t10\t3\t5\n")
    assert all_ratings(path / "u1.base").user_ids.tolist() == ["ml100k:7"]
    assert len(list(load_items(path / "u1.base"))) == 2


def test_ratings_without_a_time_keep_the_order_of_the_file(tmp_path: Path) -> None:
    path = ml_1m(tmp_path)
    (path / "ratings.dat").unlink()
    with gzip.open(path / "ratings_train.csv.gz", "wt") as file:
        file.write("userId,movieId,rating,timestamp\n1,10,5,978300760.0\n1,11,4,\n2,10,3,\n")
    times = all_ratings(path).event_time_ms.tolist()
    assert times == [978300760000, FALLBACK_TIME_MS + 2, FALLBACK_TIME_MS + 3]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("3,10,nan,5", "row 3: rating nan"),
        ("3,10,5.5,5", "row 3: rating 5.5"),
        ("3,10,,5", "row 3: no rating"),
        (",10,3,5", "row 3: no user id"),
        ("3,x,3,5", r"ratings\.csv, row 3: 'x' is not a whole number$"),
        ("3,10", r"ratings\.csv, row 3: has too few fields: 2, not 4"),
    ],
)
def test_a_bad_rating_is_named(line: str, reason: str, tmp_path: Path) -> None:
    path = ml_csv(tmp_path)
    with (path / "ratings.csv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=reason) as caught:
        all_ratings(path)
    assert "ratings.csv" in str(caught.value)


def test_missing_columns_files_and_folders_are_named(tmp_path: Path) -> None:
    path = ml_csv(tmp_path)
    (path / "ratings.csv").write_text("userId,movieId,stars,timestamp\n1,2,3,4\n")
    with pytest.raises(DataError, match="rating"):
        all_ratings(path)
    (path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n")
    with pytest.raises(DataError, match="holds no ratings"):
        all_ratings(path)
    (path / "ratings.csv").unlink()
    with pytest.raises(DataError, match="no ratings"):
        all_ratings(path)
    (path / "movies.csv").unlink()
    with pytest.raises(DataError, match="no known layout"):
        detect_layout(path)
    with pytest.raises(DataError, match="does not exist"):
        resolve(tmp_path / "nowhere")


@pytest.mark.parametrize("line", ["12,,Drama", "x" * 70 + ",Film (1999),Drama"])
def test_a_bad_film_is_named(line: str, tmp_path: Path) -> None:
    path = ml_csv(tmp_path)
    with (path / "movies.csv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=r"movies\.csv, row 3"):
        list(load_items(path))


def test_an_export_gives_back_what_went_in(tmp_path: Path) -> None:
    rows = {
        "user_id": ["a", "b", "b"],
        "item_id": ["i:1", "i:1", "i:2"],
        "value": [4.0, None, 2.0],
        "event_time_ms": [1, 2, 3],
    }
    pyarrow.parquet.write_table(pa.table(rows), tmp_path / "users.parquet")
    items = {
        "item_id": ["i:1", "i:2"],
        "title": ["One", "Two"],
        "year": [None, 1999],
        "genres": [["Drama"], []],
    }
    pyarrow.parquet.write_table(pa.table(items), tmp_path / "items.parquet")
    ratings = all_ratings(tmp_path)
    assert list(zip(ratings.user_ids, ratings.item_ids, ratings.values, strict=True)) == [
        ("a", "i:1", 4.0),
        ("b", "i:2", 2.0),
    ]
    assert list(load_items(tmp_path)) == [Item("i:1", "One", None, ("Drama",)), Item("i:2", "Two", 1999)]


def test_the_shipped_data_are_whole(tmp_path: Path) -> None:
    path = open_shipped(tmp_path)
    assert open_shipped(tmp_path) == path
    ratings, items = all_ratings(path), {item.item_id: item for item in load_items(path)}
    assert (len(ratings), len(items)) == (100_836, 9_742)
    assert set(ratings.item_ids) <= set(items)
    assert sum(bool(item.text) for item in items.values()) > 2_500
    assert sum(bool(item.poster_url) for item in items.values()) > 2_500
    assert "Pulp Fiction" in items["ml:296"].text
    assert (path / "README.txt").is_file()
    assert "CC BY-SA" in (path / "ATTRIBUTION.txt").read_text()


def test_a_torn_shipped_file_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer.data import shipped

    torn = tmp_path / "torn.tar.xz"
    torn.write_bytes(shipped.archive_path().read_bytes()[:100_000])
    monkeypatch.setattr(shipped, "archive_path", lambda: torn)
    with pytest.raises(DataError, match="cannot be opened"):
        open_shipped(tmp_path / "cache")
    assert [p.name for p in (tmp_path / "cache").iterdir() if p.is_dir()] == []
    shutil.rmtree(tmp_path / "cache")


def test_texts_go_to_the_same_film_only() -> None:
    assert same_film("Yards, The (2000)", "Yards, The (1999)")
    assert same_film("Fireworks (Hana-bi) (1997)", "Hana-bi (1997)")
    assert not same_film("Get Shorty (1995)", "Waiting to Exhale (1995)")
    assert not same_film("Dracula (1992)", "Dracula: Dead and Loving It (1995)")
