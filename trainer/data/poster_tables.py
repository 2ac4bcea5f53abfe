"""The two tables beside a folder of posters: which film has which, and the genres of those with labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.data.tables import table_rows
from trainer.exceptions import DataError

MAP_FILE, GENRES_FILE, FOLDER = "poster_map.csv", "poster_genres.csv", "posters"
NO_GENRE = frozenset({"N/A"})


@dataclass(frozen=True)
class MapRow:
    """One film of one data set in the map."""

    row: int
    dataset: str
    number: str
    """Of the film in its data set."""
    imdb: str
    has_poster: bool


@dataclass(frozen=True)
class GenresRow:
    """One labelled poster."""

    row: int
    imdb: str
    genres: tuple[str, ...]
    """Every genre that the table knows, in its order."""
    marks: tuple[bool, ...]
    """Which of them it has."""


def map_rows(data: Path) -> Iterator[MapRow]:
    """Every row of ``poster_map.csv`` in ``data``.

    Raises:
        DataError: naming file and row, if it is missing or bad.
    """
    table = data / MAP_FILE
    for row, fields in table_rows(table, ("dataset", "item_id", "imdb", "has_poster")):
        if fields["has_poster"] not in ("0", "1"):
            raise DataError(table, f"has_poster is {fields['has_poster']!r}, neither 0 nor 1", row)
        yield MapRow(row, fields["dataset"], fields["item_id"], fields["imdb"], fields["has_poster"] == "1")


def genres_rows(data: Path) -> Iterator[GenresRow]:
    """Every row of ``poster_genres.csv`` in ``data``.

    Raises:
        DataError: naming file and row, if it is missing or bad.
    """
    table = data / GENRES_FILE
    genres: tuple[str, ...] = ()
    for row, fields in table_rows(table, ("Id", "Genre")):
        genres = genres or tuple(name for name in fields if name not in ("Id", "Genre", *NO_GENRE))
        marks = [fields[name] for name in genres]
        if any(mark not in ("0", "1") for mark in marks):
            raise DataError(table, "a genre is neither 0 nor 1", row)
        yield GenresRow(row, fields["Id"], genres, tuple(mark == "1" for mark in marks))


def poster_path(data: Path, table: Path, row: int, imdb: str) -> Path:
    """Where the poster of an IMDb id belongs, there or not.

    Raises:
        DataError: naming the table's row, if that is no IMDb id.
    """
    if not imdb.startswith("tt") or not imdb[2:].isdigit():
        raise DataError(table, f"{imdb!r} is no IMDb id", row)
    return data / FOLDER / f"{imdb}.webp"
