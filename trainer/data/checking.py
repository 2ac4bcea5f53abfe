"""Whether a data set can be read whole, before anything that takes long is begun with it."""

from __future__ import annotations

from pathlib import Path

from trainer.data.catalogue import load_items
from trainer.data.ratings import load_ratings
from trainer.data.shipped import resolve
from trainer.exceptions import DataError


def check_data(data: str | Path) -> None:
    """Reads every film and rating of ``data`` (as for ``marquee train space``), and keeps none.

    Raises:
        DataError: naming file and row, if the data are bad, or there are no films or no ratings.
    """
    path = resolve(data)
    if not sum(1 for _ in load_items(path)):
        raise DataError(path, "holds no films")
    if not sum(map(len, load_ratings(path))):
        raise DataError(path, "holds no ratings")
