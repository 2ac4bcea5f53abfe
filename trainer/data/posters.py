"""Poster files of MovieLens films and of films outside it, their genre labels, and a packed pixel cache."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from handlers.exceptions import ImageRefusedError
from handlers.images import decode_poster
from handlers.pixels import resize
from trainer.data.poster_tables import (
    FOLDER,
    GENRES_FILE,
    MAP_FILE,
    genres_rows,
    map_rows,
    poster_path,
)
from trainer.data.tables import table_rows
from trainer.exceptions import DataError
from trainer.progress import Progress

DATASETS = {"ml-100k": "ml100k", "ml-1m": "ml", "ml-latest-small": "ml"}
"""Names in the map, and the namespace of their item ids."""

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Poster:
    """One poster file, and the row of the table that names it."""

    imdb: str
    path: Path
    table: Path
    row: int
    item_id: str = ""
    """Of the film in its data set, with the namespace; empty outside MovieLens."""


@dataclass(frozen=True)
class LabelledPosters:
    """Posters with genres: ``labels`` are bool [posters, genres]."""

    posters: list[Poster]
    genres: tuple[str, ...]
    labels: npt.NDArray[np.bool_]


def _poster(data: Path, table: Path, row: int, imdb: str, item_id: str = "") -> Poster:
    path = poster_path(data, table, row, imdb)
    if not path.is_file():
        raise DataError(table, f"names {FOLDER}/{path.name}, which is not there", row)
    return Poster(imdb, path, table, row, item_id)


def posters_of(data: Path, dataset: str) -> list[Poster]:
    """Posters of the films of ``dataset`` (a name of :data:`DATASETS`) that have one, in the map's order.

    Raises:
        DataError: naming file and row, if the map or a poster is missing or bad.
    """
    table = data / MAP_FILE
    if dataset not in DATASETS:
        raise DataError(table, f"{dataset!r} is none of {', '.join(DATASETS)}")
    found = []
    for film in map_rows(data):
        if film.dataset == dataset and film.has_poster:
            item_id = f"{DATASETS[dataset]}:{film.number}"
            found.append(_poster(data, table, film.row, film.imdb, item_id))
    if not found:
        raise DataError(table, f"has no poster of {dataset}")
    return found


def movielens_ids(data: Path) -> set[str]:
    """IMDb ids of all films that any of the MovieLens sets holds, with a poster or without.

    Raises:
        DataError: if the map is missing or bad.
    """
    return {fields["imdb"] for _, fields in table_rows(data / MAP_FILE, ("imdb",)) if fields["imdb"]}


def labelled_posters(data: Path, but: AbstractSet[str] = frozenset()) -> LabelledPosters:
    """Posters with genre labels, without those of the IMDb ids ``but``.

    Raises:
        DataError: naming file and row, if the table or a poster is missing or bad.
    """
    table = data / GENRES_FILE
    genres: tuple[str, ...] = ()
    posters, labels = [], []
    for labelled in genres_rows(data):
        genres = labelled.genres
        if labelled.imdb in but:
            continue
        posters.append(_poster(data, table, labelled.row, labelled.imdb))
        labels.append(labelled.marks)
    if not posters:
        raise DataError(table, "has no labelled poster")
    return LabelledPosters(posters, genres, np.array(labels, dtype=np.bool_))


def read_poster(poster: Poster) -> tuple[bytes, Pixels]:
    """The file's bytes and its pixels uint8 [h, w, 3].

    Raises:
        DataError: naming the table's row and the file, if that is no image.
    """
    try:
        data = poster.path.read_bytes()
        return data, decode_poster(data)
    except OSError as error:
        reason = error.strerror or "cannot be read"
    except ImageRefusedError as error:
        reason = str(error)
    raise DataError(poster.table, f"{poster.path} {reason}", poster.row)


def fingerprint(posters: Sequence[Poster]) -> str:
    """SHA-256 over the ids and bytes of the posters, in their order.

    Raises:
        DataError: if a file cannot be read.
    """
    digest = hashlib.sha256()
    for poster in posters:
        try:
            digest.update(poster.imdb.encode() + b"\0" + hashlib.sha256(poster.path.read_bytes()).digest())
        except OSError as error:
            raise DataError(poster.table, f"{poster.path}: {error.strerror}", poster.row) from None
    return digest.hexdigest()


def packed(posters: Sequence[Poster], height: int, width: int, cache: Path, progress: Progress) -> Pixels:
    """All posters at one size, uint8 [n, height, width, 3], mapped from a file in ``cache``.

    The file is named for the posters' content: changed posters make another, and equal ones share it.

    Raises:
        DataError: naming the row and file of a poster that is no image.
    """
    path = cache / f"posters-{fingerprint(posters)[:24]}-{height}x{width}.npy"

    def fill(into: Pixels) -> None:
        for i, poster in enumerate(posters):
            into[i] = resize(read_poster(poster)[1], height, width)
            progress("reading posters", i + 1, len(posters))

    mapped = cached_array(path, (len(posters), height, width, 3), np.dtype(np.uint8), fill)
    return mapped.astype(np.uint8, copy=False)


def cached_array(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    fill: Callable[[Array], None],
) -> Array:
    """The array in ``path``, mapped read-only; if it is not there, made by ``fill`` aside and renamed."""
    try:
        found: Array = np.load(path, mmap_mode="r")
        if found.shape == shape and found.dtype == dtype:
            return found
    except (OSError, ValueError):
        pass  # not there or torn: made anew
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".npy")
    os.close(handle)
    aside = Path(name)
    try:
        made = np.lib.format.open_memmap(aside, mode="w+", dtype=dtype, shape=shape)
        fill(made)
        made.flush()
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    mapped: Array = np.load(path, mmap_mode="r")
    return mapped
