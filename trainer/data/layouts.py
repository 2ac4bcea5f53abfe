"""Which MovieLens set (or Marquee export) lies in a folder, and where its ratings and films are."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from trainer.exceptions import DataError


class Layout(StrEnum):
    """The folder layouts that are understood."""

    ML_100K = "ml-100k"
    ML_1M = "ml-1m"
    ML_CSV = "ml-csv"
    """ml-latest, ml-latest-small, ml-20m, ml-25m, ml-32m: ``ratings.csv``, ``movies.csv``."""
    EXPORT = "export"
    """What ``marquee data export`` writes: ``users.parquet``, ``items.parquet``."""
    OWN = "own"
    """``ratings`` and ``items``, each ``.csv`` or ``.parquet``, see :mod:`trainer.data.own`."""

    @property
    def namespace(self) -> str:
        """Prefix of ids; item numbers of ML-100K differ from those of all later sets. Empty where ids are
        whole."""
        return {Layout.ML_100K: "ml100k", Layout.EXPORT: "", Layout.OWN: ""}.get(self, "ml")


_RATINGS = {
    Layout.EXPORT: ("users.parquet",),
    Layout.ML_100K: ("u.data",),
    Layout.ML_1M: ("ratings.dat", "ratings_train.csv.gz"),
    Layout.ML_CSV: ("ratings.csv", "ratings.csv.gz"),
    Layout.OWN: ("ratings.csv", "ratings.parquet"),
}
_ITEMS = {
    Layout.EXPORT: ("items.parquet",),
    Layout.ML_100K: ("u.item",),
    Layout.ML_1M: ("movies.dat",),
    Layout.ML_CSV: ("movies.csv",),
    Layout.OWN: ("items.csv", "items.parquet"),
}


LOOKED_FOR = ", ".join(dict.fromkeys(name for names in _ITEMS.values() for name in names))
"""The files of films, one of which a folder of a known layout has."""


def find_layout(path: Path) -> Layout | None:
    """The layout of folder ``path``, or of the folder of file ``path``; ``None`` if it is not known."""
    folder = path if path.is_dir() else path.parent
    found = [layout for layout, names in _ITEMS.items() if any((folder / name).is_file() for name in names)]
    if found == [Layout.EXPORT, Layout.OWN]:
        # both have items.parquet
        return Layout.EXPORT if (folder / _RATINGS[Layout.EXPORT][0]).is_file() else Layout.OWN
    return found[0] if found else None


def detect_layout(path: Path) -> Layout:
    """As :func:`find_layout`.

    Raises:
        DataError: if there is none, saying which files are looked for.
    """
    layout = find_layout(path)
    if layout is None:
        raise DataError(path, f"no known layout: none of {LOOKED_FOR} is there")
    return layout


def ratings_file(path: Path) -> Path:
    """The file of ratings: ``path`` itself if it is a file (say ``u1.base``), else the one of its layout.

    Raises:
        DataError: if there is none.
    """
    if path.is_file():
        return path
    names = _RATINGS[detect_layout(path)]
    for name in names:
        if (path / name).is_file():
            return path / name
    raise DataError(path, f"no ratings: none of {', '.join(names)} is there")


def items_file(path: Path) -> Path:
    """The file of films that belongs to ``path`` (a folder, or a file of ratings in it).

    Raises:
        DataError: if there is none.
    """
    layout = detect_layout(path)
    folder = path if path.is_dir() else path.parent
    return next(folder / name for name in _ITEMS[layout] if (folder / name).is_file())
