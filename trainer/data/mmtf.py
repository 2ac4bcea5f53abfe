"""MMTF-14K, features of film trailers: 107 figures of what is seen, 20 of what is heard, tags and genres.

Deldjoo et al., "MMTF-14K: a multifaceted movie trailer feature dataset for recommendation and retrieval",
MMSys 2018. Films carry the numbers of MovieLens latest and 25M. In the sample that is to be had, the file
called test is a subset of the one called valid: whoever trained on one and tested on the other would test on
what was learnt. So a film is held once, whatever files name it, and no part goes by a file: cut parts by film
(:mod:`trainer.data.splits`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.data.tables import tab_rows
from trainer.data.titles import clean_genres, split_title
from trainer.exceptions import DataError

FEATURES, MORE_FEATURES = "valid_features.tsv", "test_features.tsv"
"""The file that must be there, and one that may be."""
LABELS = ("valid_labels.tsv", "train_labels.tsv")
"""Those that are there are read: genres of films, also of films without features."""

VISUAL = tuple(f"avf{n}" for n in range(1, 108))
"""Columns of aesthetic visual features."""
AUDIO = tuple(f"ivec{n}" for n in range(1, 21))
"""Columns of the i-vector of the sound track."""

_FILM = ("movieId", "title", "year", "tag")
NAMESPACE = "ml:"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mmtf:
    """n films, each once, in the order of the files."""

    item_ids: tuple[str, ...]
    """``ml:<movieId>``."""
    titles: tuple[str, ...]
    years: tuple[int | None, ...]
    tags: tuple[tuple[str, ...], ...]
    genres: tuple[tuple[str, ...], ...]
    """As MovieLens writes them; empty where no file of labels names the film."""
    visual: Floats
    """float64 [n, 107], not scaled: columns differ by orders of magnitude."""
    audio: Floats
    """float64 [n, 20]."""
    in_both: int
    """How many of the films stand in both files of features."""
    labels_without_features: int
    """How many films have genres in a file of labels, but no features."""

    def __len__(self) -> int:
        return len(self.item_ids)


@dataclass(frozen=True)
class _Film:
    title: str
    year: int | None
    tags: tuple[str, ...]
    figures: tuple[float, ...]


def load_mmtf(folder: Path) -> Mmtf:
    """The films of ``valid_features.tsv`` and, where it is there, ``test_features.tsv`` in ``folder``.

    Raises:
        DataError: naming file and row, if a column is missing, a figure is no finite number, or a film comes
            twice and is not the same; also if there is no film.
    """
    films: dict[str, _Film] = {}
    valid = _read_films(folder / FEATURES, films)
    if not films:
        raise DataError(folder / FEATURES, "holds no films")
    more = folder / MORE_FEATURES
    test = _read_films(more, films) if more.is_file() else set[str]()
    genres: dict[str, tuple[str, ...]] = {}
    for name in LABELS:
        if (folder / name).is_file():
            _read_genres(folder / name, genres)
    figures = np.array([film.figures for film in films.values()], dtype=np.float64)
    return Mmtf(
        item_ids=tuple(films),
        titles=tuple(film.title for film in films.values()),
        years=tuple(film.year for film in films.values()),
        tags=tuple(film.tags for film in films.values()),
        genres=tuple(genres.get(item_id, ()) for item_id in films),
        visual=figures[:, : len(VISUAL)],
        audio=figures[:, len(VISUAL) :],
        in_both=len(valid & test),
        labels_without_features=len(genres.keys() - films.keys()),
    )


def _read_films(file: Path, films: dict[str, _Film]) -> set[str]:
    """Adds the films of ``file`` to ``films``; returns the ids of all that it names."""
    named = set()
    for row, item_id, fields in _rows(file, (*_FILM, *VISUAL, *AUDIO)):
        film = _Film(
            title=split_title(fields["title"].strip())[0],
            year=_year(fields["year"].strip(), file, row),
            tags=tuple(tag.strip() for tag in fields["tag"].split(",") if tag.strip()),
            figures=tuple(_figure(fields[name], name, file, row) for name in (*VISUAL, *AUDIO)),
        )
        if not film.title:
            raise DataError(file, "no title", row)
        if films.setdefault(item_id, film) != film:
            raise DataError(file, f"film {item_id} comes twice, and is not the same", row)
        named.add(item_id)
    return named


def _read_genres(file: Path, genres: dict[str, tuple[str, ...]]) -> None:
    for row, item_id, fields in _rows(file, ("movieId", "genres")):
        # Sci_Fi and Film_Noir are Sci-Fi and Film-Noir everywhere else
        found = clean_genres(fields["genres"].replace("_", "-").split("|"))
        if genres.setdefault(item_id, found) != found:
            raise DataError(file, f"film {item_id} comes twice, with other genres", row)


def _rows(file: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, str, dict[str, str]]]:
    for row, fields in tab_rows(file, columns):
        number = fields["movieId"].strip()
        if not (number.isascii() and number.isdigit()):
            raise DataError(file, f"movieId is {number!r}, no number", row)
        yield row, f"{NAMESPACE}{int(number)}", fields


def _year(text: str, file: Path, row: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) == 4):
        raise DataError(file, f"year is {text!r}, no year", row)
    return int(text)


def _figure(text: str, name: str, file: Path, row: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(file, f"{name} is {text!r}, no finite number", row)
    return value
