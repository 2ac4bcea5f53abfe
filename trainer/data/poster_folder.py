"""Which poster file belongs to which film: by number, by id, or by IMDb id where a table names it."""

from __future__ import annotations

from pathlib import Path

from trainer.data.layouts import Layout
from trainer.data.tables import table_rows
from trainer.exceptions import DataError

SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")


def imdb_ids(data: Path) -> dict[str, str]:
    """Film number -> IMDb id (``tt`` and at least seven digits), from ``links.csv`` beside the films.

    Raises:
        DataError: naming file and row, if it is there and bad.
    """
    path = data / "links.csv"
    if not path.is_file():
        return {}
    rows = table_rows(path, ("movieId", "imdbId"))
    return {
        fields["movieId"]: f"tt{fields['imdbId'].strip().zfill(7)}"
        for _, fields in rows
        if fields["imdbId"].strip()
    }


def mapped_imdb_ids(posters: Path, layout: Layout) -> dict[str, str]:
    """The same from ``poster_map.csv`` (dataset, item_id, imdb, ...) in ``posters`` or beside it.

    Raises:
        DataError: naming file and row, if it is there and bad.
    """
    for path in (posters / "poster_map.csv", posters.parent / "poster_map.csv"):
        if path.is_file():
            return {
                fields["item_id"]: fields["imdb"]
                for _, fields in table_rows(path, ("dataset", "item_id", "imdb"))
                # item numbers of ML-100K mean other films than those of all later sets
                if fields["imdb"] and (fields["dataset"] == "ml-100k") == (layout is Layout.ML_100K)
            }
    return {}


class PosterFolder:
    """The files of a folder, found by film.

    A film ``ml:296`` is looked for as ``ml_296``, ``296`` and by its IMDb id, with any suffix of
    :data:`SUFFIXES`.

    Raises:
        DataError: if it is no folder that can be read.
    """

    def __init__(self, folder: Path, imdb: dict[str, str]) -> None:
        try:
            self._files = {path.stem: path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES}
        except OSError as error:
            raise DataError(folder, f"is no folder of posters: {error.strerror}") from None
        self._imdb = imdb

    def __len__(self) -> int:
        return len(self._files)

    def find(self, item_id: str) -> Path | None:
        """The film's poster, or None where there is none."""
        number = item_id.rpartition(":")[2]
        names = (item_id.replace(":", "_"), number, self._imdb.get(number, ""))
        return next((self._files[name] for name in names if name in self._files), None)
