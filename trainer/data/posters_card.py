"""The data card of a folder of posters and its tables; of each image nothing but the header is read."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from handlers.images import FORMATS
from trainer.data.cards import spread
from trainer.data.poster_tables import (
    FOLDER,
    GENRES_FILE,
    MAP_FILE,
    genres_rows,
    map_rows,
    poster_path,
)
from trainer.exceptions import DataError

Size = tuple[int, int]
"""Width and height in pixels."""


def is_posters(folder: Path) -> bool:
    """Whether it holds posters and at least one of the tables that name them."""
    tables = (MAP_FILE, GENRES_FILE)
    return (folder / FOLDER).is_dir() and any((folder / name).is_file() for name in tables)


def describe_posters(data: Path) -> dict[str, Any]:
    """Figures of ``posters/`` in ``data`` and of the tables beside it that are there.

    Posters that a table names and that are missing, or are no images, are counted, not refused.

    Raises:
        DataError: naming file and row, if a table is bad; also if there is no poster at all.
    """
    sizes = {path: _size(path) for path in sorted((data / FOLDER).iterdir()) if path.is_file()}
    if not sizes:
        raise DataError(data / FOLDER, "holds no posters")
    films = _films_by_set(data) if (data / MAP_FILE).is_file() else {}
    labelled, genres = _labelled(data) if (data / GENRES_FILE).is_file() else ([], Counter[str]())
    named = {path for paths in films.values() for path in paths if path is not None} | set(labelled)
    known = [size for size in sizes.values() if size is not None]
    return {
        "layout": "posters",
        "posters": len(sizes),
        "posters_that_are_no_image": len(sizes) - len(known),
        "posters_that_no_table_names": len(sizes.keys() - named),
        "posters_named_but_missing": len(named - sizes.keys()),
        "bytes": sum(path.stat().st_size for path in sizes),
        "width_in_pixels": spread([width for width, _ in known]) if known else {},
        "height_in_pixels": spread([height for _, height in known]) if known else {},
        "films_by_data_set": {name: _found(paths, sizes) for name, paths in films.items()},
        "labelled": _found(labelled, sizes),
        "genres": dict(genres.most_common()),
    }


def _films_by_set(data: Path) -> dict[str, list[Path | None]]:
    """Each data set's films, as the poster that the map says they have."""
    films: dict[str, list[Path | None]] = {}
    for film in map_rows(data):
        path = poster_path(data, data / MAP_FILE, film.row, film.imdb) if film.has_poster else None
        films.setdefault(film.dataset, []).append(path)
    return films


def _labelled(data: Path) -> tuple[list[Path], Counter[str]]:
    posters, genres = [], Counter[str]()
    for row in genres_rows(data):
        posters.append(poster_path(data, data / GENRES_FILE, row.row, row.imdb))
        genres.update(name for name, mark in zip(row.genres, row.marks, strict=True) if mark)
    return posters, genres


def _found(paths: Iterable[Path | None], sizes: dict[Path, Size | None]) -> dict[str, int]:
    """Of films by the poster they are said to have."""
    films = list(paths)
    said = [path for path in films if path is not None]
    return {
        "films": len(films),
        "with_poster": sum(sizes.get(path) is not None for path in said),
        "missing": sum(path not in sizes for path in said),
        "no_image": sum(path in sizes and sizes[path] is None for path in said),
    }


def _size(path: Path) -> Size | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes that decoding will refuse anyway
            with Image.open(path, formats=FORMATS) as image:
                return image.size
    except Exception:  # the library's readers raise what they stumble over, struct.error among it
        return None
