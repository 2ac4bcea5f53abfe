"""A folder of one's own, as CSV and as Parquet: read alike, and what is bad is named with file and row."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from deploy.data.importing import DataImport
from streaming.events import Item
from streaming.settings import Settings
from trainer.data import FALLBACK_TIME_MS, Layout, all_ratings, detect_layout, load_items
from trainer.data.cards import describe
from trainer.exceptions import DataError

RATINGS = "user_id,item_id,value,event_time,shop\nann,film:1,4.5,2026-01-02T03:04:05Z,a\n7,22,0.5,,b\n"
ITEMS = (
    "item_id,title,year,genres,directors,cast,text,price\n"
    'film:1,"Heat, the",1995,Crime|Drama,Michael Mann,Al Pacino | Robert De Niro,A heist.,3\n'
    "22,Bare,,,,,,\n"
)
FILMS = [
    Item(
        "film:1",
        "Heat, the",
        1995,
        ("Crime", "Drama"),
        "A heist.",
        directors=("Michael Mann",),
        cast=("Al Pacino", "Robert De Niro"),
    ),
    Item("22", "Bare"),
]
AT_MS = 1_767_323_045_000


def as_csv(folder: Path) -> Path:
    (folder / "ratings.csv").write_text(RATINGS)
    (folder / "items.csv").write_text(ITEMS)
    return folder


def as_parquet(folder: Path) -> Path:
    ratings: dict[str, list[Any]] = {
        "user_id": ["ann", "7"],
        "item_id": ["film:1", "22"],
        "value": [4.5, 0.5],
        "event_time_ms": [AT_MS, None],
    }
    items: dict[str, list[Any]] = {
        "item_id": ["film:1", "22"],
        "title": ["Heat, the", "Bare"],
        "year": [1995, None],
        "genres": [["Crime", "Drama"], []],
        "directors": [["Michael Mann"], None],
        "cast": ["Al Pacino | Robert De Niro", ""],
        "text": ["A heist.", None],
        "price": [3, 4],
    }
    pyarrow.parquet.write_table(pa.table(ratings), folder / "ratings.parquet")
    pyarrow.parquet.write_table(pa.table(items), folder / "items.parquet")
    return folder


@pytest.mark.parametrize("make", [as_csv, as_parquet])
def test_both_forms_say_the_same(make: Any, tmp_path: Path) -> None:
    path = make(tmp_path)
    assert detect_layout(path) is Layout.OWN
    ratings = all_ratings(path)
    assert ratings.user_ids.tolist() == ["ann", "7"]
    assert ratings.item_ids.tolist() == ["film:1", "22"]
    assert ratings.values.tolist() == [4.5, 0.5]
    assert ratings.event_time_ms.tolist() == [AT_MS, FALLBACK_TIME_MS + 2]
    assert list(load_items(path)) == FILMS
    card = describe(path)
    assert (card["layout"], card["users"], card["ratings"]) == ("own", 2, 2)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ann,22,nan,,", r"ratings\.csv, row 3: rating nan"),
        ("ann,22,6,,", r"ratings\.csv, row 3: rating 6"),
        ("ann,22,,,", r"ratings\.csv, row 3: no value"),
        (",22,4,,", r"ratings\.csv, row 3: no user_id"),
        ("ann ,22,4,,", r"ratings\.csv, row 3: user_id 'ann ' begins or ends with white space"),
        ("ann," + "x" * 65 + ",4,,", r"ratings\.csv, row 3: item_id 'x+' is longer than 64 bytes"),
        ("ann,22,4,yesterday,", r"ratings\.csv, row 3: 'yesterday' is not a time: ISO 8601 with a zone"),
        ("ann,22,4,2026-01-02T03:04:05,", r"ratings\.csv, row 3: [^#]*zone"),
    ],
)
def test_a_bad_rating_is_named(line: str, reason: str, tmp_path: Path) -> None:
    path = as_csv(tmp_path)
    with (path / "ratings.csv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=reason):
        all_ratings(path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("22,Again,,,,,,", r"items\.csv, row 3: film 22 comes twice"),
        ("23,,,,,,,", r"items\.csv, row 3: .*title"),
        ("23,Late,nineteen,,,,,", r"items\.csv, row 3: .*year"),
    ],
)
def test_a_bad_film_is_named(line: str, reason: str, tmp_path: Path) -> None:
    path = as_csv(tmp_path)
    with (path / "items.csv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=reason):
        list(load_items(path))


def test_a_missing_column_is_named_and_an_export_stays_an_export(tmp_path: Path) -> None:
    path = as_csv(tmp_path)
    (path / "ratings.csv").write_text("user,item_id,value\nann,22,4\n")
    with pytest.raises(DataError, match=r"ratings\.csv: no column user_id"):
        all_ratings(path)
    (path / "ratings.csv").unlink()
    with pytest.raises(DataError, match=r"none of ratings\.csv, ratings\.parquet is there"):
        all_ratings(path)
    (path / "items.csv").rename(path / "items.parquet")
    (path / "users.parquet").touch()
    assert detect_layout(path) is Layout.EXPORT


def test_images_in_the_folder_belong_to_the_films(bare_settings: Settings, tmp_path: Path) -> None:
    path = as_csv(tmp_path)
    posters = path / "posters"
    posters.mkdir()
    picture = io.BytesIO()
    Image.new("RGB", (8, 12), "red").save(picture, "JPEG")
    (posters / "film_1.jpg").write_bytes(picture.getvalue())
    (posters / "22.jpg").write_bytes(b"no picture")
    found = DataImport(bare_settings, path).dry_run()
    assert (found.items, found.ratings, found.posters, found.posters_refused) == (2, 2, 1, 1)
