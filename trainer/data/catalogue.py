"""Films of every layout as the :class:`streaming.events.Item` that services send."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

import msgspec

from streaming.events import InvalidEventError, Item, check_item
from trainer.data.arrow_parquet import parquet_batches
from trainer.data.layouts import Layout, detect_layout, items_file
from trainer.data.once import only_once
from trainer.data.own import own_items
from trainer.data.plots import abstracts
from trainer.data.tables import plain_rows, table_rows
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
        for row, fields in table_rows(file, ("movieId", "title", "genres")):
            yield row, fields["movieId"], fields["title"], fields["genres"].split("|")
        return
    for row, text in _lines(file):
        if layout is Layout.ML_1M:
            number, found, rest = text.partition("::")
            title, found, genres = rest.rpartition("::")
            if not found:
                raise DataError(file, "is not number::title::genres", row)
            yield row, number, title, genres.split("|")
        else:
            parts = text.split("|")
            if len(parts) < 5 + len(_ML_100K_GENRES):
                raise DataError(file, f"has {len(parts)} fields, not {5 + len(_ML_100K_GENRES)}", row)
            marks = zip(_ML_100K_GENRES, parts[5:], strict=False)
            yield row, parts[0], parts[1], [name for name, mark in marks if mark == "1"]


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """(row, text) of what is not empty: in Latin-1, as these sets are, or UTF-8 where a mark says so."""
    row, encoding = 0, "latin-1"
    try:
        with file.open("rb") as lines:
            for line in lines:
                if line.startswith(codecs.BOM_UTF8) and not row:
                    line, encoding = line.removeprefix(codecs.BOM_UTF8), "utf-8"
                if line.strip():
                    row += 1
                    yield row, line.decode(encoding).rstrip("\r\n")
    except OSError as error:
        raise DataError(file, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DataError(file, f"byte 0x{error.object[error.start]:02x} is not UTF-8", row) from None


def _abstracts(folder: Path) -> dict[str, str]:
    path = folder / ABSTRACTS_FILE
    return abstracts(path) if path.is_file() else {}


def _posters(folder: Path) -> dict[str, str]:
    path = folder / POSTERS_FILE
    if not path.is_file():
        return {}
    return {fields[0]: fields[1] for _, fields in plain_rows(path) if len(fields) > 1}


def _from_export(file: Path) -> Iterator[Item]:
    seen: set[str] = set()
    for first, batch in parquet_batches(file, dict.fromkeys(Item.__struct_fields__), ("item_id", "title")):
        for row, fields in enumerate(batch.to_pylist(), first):
            present = {name: value for name, value in fields.items() if value is not None}
            try:
                item = check_item(msgspec.convert(present, Item))
            except (InvalidEventError, msgspec.ValidationError) as error:
                raise DataError(file, str(error), row) from None
            only_once(item.item_id, seen, file, row)
            yield item


def load_items(path: Path) -> Iterator[Item]:
    """Every film at ``path`` (a folder of a known layout, or a file of ratings in one), in its order.

    Raises:
        DataError: naming file and row, if a film cannot be read, breaks a rule of events, or comes twice.
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
    seen: set[str] = set()
    for row, written, raw_title, raw_genres in _rows(file, layout):
        number = written.strip()
        title, year = split_title(raw_title)
        item = Item(
            item_id=f"{layout.namespace}:{number}",
            title=title,
            year=year,
            genres=clean_genres(raw_genres),
            text=abstracts.get(number, ""),
            poster_url=posters.get(number, ""),
        )
        try:
            check_item(item)
        except InvalidEventError as error:
            raise DataError(file, str(error), row) from None
        only_once(number, seen, file, row)
        yield item
