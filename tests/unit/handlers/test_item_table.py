"""The item table: joined with content where it is about this very film, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from handlers.exceptions import PackageFileError
from handlers.item_table import ItemTable, load_table, save_table
from handlers.items import EncodeItem, fingerprint

TABLE = ItemTable(
    ("ml:1", "ml:2"),
    np.array([[1, 0], [0, 4]], dtype=np.float16),
    np.array([0.75, 1.0], dtype=np.float32),
    np.array([fingerprint("Toy Story", 1995), fingerprint("Jumanji", 1995)], dtype=np.int64),
)
CONTENT = np.array([[0, 8]], dtype=np.float32)


def blended(item: EncodeItem) -> list[float]:
    return [float(x) for x in TABLE.blend([item], CONTENT)[0]]


def test_a_known_film_is_mostly_what_ratings_say() -> None:
    assert blended(EncodeItem(item_id="ml:1", title="Toy Story", year=1995)) == [0.75, 2.0]


def test_edited_text_and_genres_keep_the_row() -> None:
    edited = EncodeItem(item_id="ml:1", title="TOY STORY", year=1995, text="new", genres=("Drama",))
    assert blended(edited) == [0.75, 2.0]


@pytest.mark.parametrize(
    "foreign",
    [
        EncodeItem(item_id="ml:1", title="GoldenEye", year=1995),
        EncodeItem(item_id="ml:1", title="Toy Story", year=2010),
        EncodeItem(item_id="ml:1", title="Toy Story"),
        EncodeItem(item_id="ml100k:1", title="Toy Story", year=1995),
        EncodeItem(title="Toy Story", year=1995),
        EncodeItem(item_id="ml:1", title="Toy Story", year=1995, query=True),
    ],
)
def test_another_film_under_the_same_id_gets_its_content_alone(foreign: EncodeItem) -> None:
    assert blended(foreign) == [0.0, 8.0]


def test_a_table_survives_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    save_table(TABLE, path)
    read = load_table(path)
    assert read.item_ids == TABLE.item_ids
    assert np.array_equal(read.vectors, TABLE.vectors)
    assert np.array_equal(read.fingerprints, TABLE.fingerprints)


def test_a_torn_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    save_table(TABLE, path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(PackageFileError, match="cannot be read"):
        load_table(path)
    save_table(ItemTable(("a",), TABLE.vectors, TABLE.weights, TABLE.fingerprints), path)
    with pytest.raises(PackageFileError, match="differ in length"):
        load_table(path)
