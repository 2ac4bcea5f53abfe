"""Films of every layout as the :class:`streaming.events.Item` that services send."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet

from streaming.events import InvalidEventError, Item, check_item
from trainer.data.layouts import Layout, detect_layout, items_file
from trainer.data.own import own_items
from trainer.data.titles import clean_genres, split_title
from trainer.exceptions import DataError

ABSTRACTS_FILE, POSTERS_FILE = "abstracts.json", "posters.csv"
"""Beside a MovieLens folder's films: number -> text, and lines of number and poster URL. Both optional."""

_ML_100K_GENRES = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]


def _rows(file: Path, layout: Layout) -> Iterator[tuple[int, str, str, list[str]]]:
    """(row, number, raw title, raw genres) of each film."""
    if layout is Layout.ML_CSV:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = {"movieId", "title", "genres"} - set(reader.fieldnames or ())
            if missing:
                raise DataError(file, f"no column {', '.join(sorted(missing))}")
            for row, line in enumerate(reader, 1):
                yield row, line["movieId"], line["title"] or "", (line["genres"] or "").split("|")
        return
    with file.open(encoding="latin-1") as lines:
        for row, text in enumerate(lines, 1):
            if not text.strip():
                continue
            if layout is Layout.ML_1M:
                number, found, rest = text.rstrip("\r\n").partition("::")
                title, found, genres = rest.rpartition("::")
                if not found:
                    raise DataError(file, "is not number::title::genres", row)
                yield row, number, title, genres.split("|")
            else:
                fields = text.rstrip("\r\n").split("|")
                if len(fields) < 5 + len(_ML_100K_GENRES):
                    raise DataError(file, f"has {len(fields)} fields, not {5 + len(_ML_100K_GENRES)}", row)
                marks = zip(_ML_100K_GENRES, fields[5:], strict=False)
                yield row, fields[0], fields[1], [name for name, mark in marks if mark == "1"]


def _abstracts(folder: Path) -> dict[str, str]:
    path = folder / ABSTRACTS_FILE
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise DataError(path, str(error)) from None


def _posters(folder: Path) -> dict[str, str]:
    path = folder / POSTERS_FILE
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        return {row[0]: row[1] for row in csv.reader(lines) if len(row) > 1}


def _from_export(file: Path) -> Iterator[Item]:
    row = 1
    try:
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches():
            known = [name for name in batch.schema.names if name in Item.__struct_fields__]
            for fields in batch.select(known).to_pylist():
                present = {name: value for name, value in fields.items() if value is not None}
                try:
                    yield check_item(msgspec.convert(present, Item))
                except (InvalidEventError, msgspec.ValidationError) as error:
                    raise DataError(file, str(error), row) from None
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise DataError(file, str(error)) from None


def load_items(path: Path) -> Iterator[Item]:
    """Every film at ``path`` (a folder of a known layout, or a file of ratings in one), in its order.

    Raises:
        DataError: naming file and row, if a film cannot be read or breaks a rule of events.
    """
    layout, file = detect_layout(path), items_file(path)
    if layout is Layout.EXPORT:
        yield from _from_export(file)
        return
    if layout is Layout.OWN:
        yield from own_items(file)
        return
    yield from file_items(file, layout)


def file_items(file: Path, layout: Layout) -> Iterator[Item]:
    """Every film of one MovieLens ``file`` in the form that ``layout`` has, wherever it lies.

    Raises:
        DataError: as :func:`load_items`.
    """
    abstracts, posters = _abstracts(file.parent), _posters(file.parent)
    for row, number, raw_title, raw_genres in _rows(file, layout):
        title, year = split_title(raw_title)
        item = Item(
            item_id=f"{layout.namespace}:{number.strip()}",
            title=title,
            year=year,
            genres=clean_genres(raw_genres),
            text=abstracts.get(number, ""),
            poster_url=posters.get(number, ""),
        )
        try:
            yield check_item(item)
        except InvalidEventError as error:
            raise DataError(file, str(error), row) from None
