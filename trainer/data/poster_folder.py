"""Which poster file belongs to which film: by number, by id, or by IMDb id where a table names it."""

from __future__ import annotations

import csv
from pathlib import Path

from trainer.data.layouts import Layout

SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")


def imdb_ids(data: Path) -> dict[str, str]:
    """Film number -> IMDb id (``tt`` and at least seven digits), from ``links.csv`` beside the films."""
    path = data / "links.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        return {
            row["movieId"]: f"tt{row['imdbId'].strip().zfill(7)}"
            for row in csv.DictReader(lines)
            if (row.get("imdbId") or "").strip()
        }


def mapped_imdb_ids(posters: Path, layout: Layout) -> dict[str, str]:
    """The same from ``poster_map.csv`` (dataset, item_id, imdb, ...) in ``posters`` or beside it."""
    for path in (posters / "poster_map.csv", posters.parent / "poster_map.csv"):
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as lines:
                return {
                    row["item_id"]: row["imdb"]
                    for row in csv.DictReader(lines)
                    # item numbers of ML-100K mean other films than those of all later sets
                    if row["imdb"] and (row["dataset"] == "ml-100k") == (layout is Layout.ML_100K)
                }
    return {}


class PosterFolder:
    """The files of a folder, found by film.

    A film ``ml:296`` is looked for as ``ml_296``, ``296`` and by its IMDb id, with any suffix of
    :data:`SUFFIXES`.
    """

    def __init__(self, folder: Path, imdb: dict[str, str]) -> None:
        self._files = {path.stem: path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES}
        self._imdb = imdb

    def __len__(self) -> int:
        return len(self._files)

    def find(self, item_id: str) -> Path | None:
        """The film's poster, or None where there is none."""
        number = item_id.rpartition(":")[2]
        names = (item_id.replace(":", "_"), number, self._imdb.get(number, ""))
        return next((self._files[name] for name in names if name in self._files), None)
