"""MMTF-14K: a film is held once whatever files name it; what is bad is named by file and row."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.unit.trainer.data.made_mmtf import HEADER, film, made_mmtf
from trainer.data.catalogue import load_items
from trainer.data.mmtf import load_mmtf
from trainer.exceptions import DataError

DATA = Path(os.environ.get("MARQUEE_DATA", "../shared/data"))
REAL = DATA / "mmtf14k_sample"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made_mmtf(tmp_path / "mmtf")


def test_films_with_their_features_and_labels(folder: Path) -> None:
    found = load_mmtf(folder)
    assert found.item_ids == ("ml:30808", "ml:31337")
    assert found.titles == ("Iceman", 'The Mortal "Storm"')
    assert found.years == (1949, None)
    assert found.tags == (("bd-r",), ("classic", "war"))
    assert found.genres == ((), ("Sci-Fi",))
    assert (found.visual.shape, found.audio.shape) == ((2, 107), (2, 20))
    assert found.visual.dtype == found.audio.dtype == np.float64
    assert found.visual[:, 0].tolist() == [0.5, -2.5]
    assert found.audio[0].tolist() == list(range(107, 127))


def test_a_film_of_both_files_is_held_once(folder: Path) -> None:
    found = load_mmtf(folder)
    assert (len(found), found.in_both, found.labels_without_features) == (2, 1, 1)
    (folder / "test_features.tsv").write_text(f"{HEADER}\n{film('7', 'Heat')}\n")
    found = load_mmtf(folder)
    assert (found.item_ids[2], found.in_both) == ("ml:7", 0)


def test_only_the_first_file_must_be_there(folder: Path) -> None:
    for name in ("test_features.tsv", "valid_labels.tsv", "train_labels.tsv"):
        (folder / name).unlink()
    found = load_mmtf(folder)
    assert (len(found), found.in_both, found.genres) == (2, 0, ((), ()))
    (folder / "valid_features.tsv").unlink()
    with pytest.raises(DataError, match=r"valid_features\.tsv: cannot be read"):
        load_mmtf(folder)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("valid_features", "\tavf107\t", "\tavf\t", r"valid_features\.tsv: no column avf107"),
        ("valid_labels", "genres", "genre", r"valid_labels\.tsv: no column genres"),
        ("valid_features", "\t-2.5\t", "\tmuch\t", r"valid_features\.tsv, row 2: avf1 is 'much'"),
        ("valid_features", "\t-2.5\t", "\tnan\t", r"row 2: avf1 is 'nan', no finite number"),
        ("valid_features", "\t-2.5\t", "\t-inf\t", r"row 2: avf1 is '-inf', no finite number"),
        ("valid_features", "\t-2.5\t", "\t\t", r"row 2: avf1 is '', no finite number"),
        ("valid_features", "\t-2.5\t", "\t", r"row 2: has too few fields"),
        ("valid_features", "30808", "tt30808", r"row 1: movieId is 'tt30808'"),
        ("valid_features", "1949", "49", r"row 1: year is '49'"),
        ("valid_features", "Iceman", " ", r"row 1: no title"),
        ("valid_features", "30808", "31337", r"valid_features\.tsv, row 2: film ml:31337 comes twice"),
        ("test_features", "-2.5", "-2.6", r"test_features\.tsv, row 1: film ml:31337 comes twice"),
        ("train_labels", "89", "31337", r"train_labels\.tsv, row 1: film ml:31337 .* other genres"),
    ],
)
def test_bad_rows_are_named_by_file_and_row(folder: Path, file: str, old: str, new: str, said: str) -> None:
    path = folder / f"{file}.tsv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=said):
        load_mmtf(folder)


def test_no_films_and_no_text_are_refused(folder: Path) -> None:
    path = folder / "valid_features.tsv"
    path.write_text(HEADER + "\n")
    with pytest.raises(DataError, match="holds no films"):
        load_mmtf(folder)
    path.write_bytes(HEADER.encode() + b"\n\xff\xfe\n")
    with pytest.raises(DataError, match=r"valid_features\.tsv, row 1: byte 0xff is not UTF-8"):
        load_mmtf(folder)


@pytest.mark.data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"needs MMTF-14K in {REAL} (MARQUEE_DATA)")
def test_the_real_sample() -> None:
    found = load_mmtf(REAL)
    assert (len(found), len(set(found.item_ids)), found.in_both) == (299, 299, 298)
    assert (found.visual.shape, found.audio.shape) == ((299, 107), (299, 20))
    assert all(found.genres)
    titles = {item.item_id: item.title for item in load_items(DATA / "ml-latest-small")}
    shared = [
        (titles[i], title) for i, title in zip(found.item_ids, found.titles, strict=True) if i in titles
    ]
    assert len(shared) == 116
    # the numbers are those of MovieLens: titles agree, where the sample has not lost a bracket of them
    assert sum(one == other for one, other in shared) > 80
