"""Any three MovieLens files, wherever they lie: training ratings, test ratings, films."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from streaming.events import Item
from trainer.data.catalogue import file_items
from trainer.data.columns import Ratings, joined
from trainer.data.layouts import Layout
from trainer.data.ratings import file_ratings
from trainer.exceptions import DataError

NAMESPACE = "ml:"
"""Before every id; whoever gives three files says that their numbers mean the same."""


def ratings_of(path: Path) -> Ratings:
    """All ratings of a file: ``.csv`` with a header, ``.dat``, or tabs between; also with ``.gz``.

    Raises:
        DataError: naming file and row, if there are none or one is bad.
    """
    if not path.is_file():
        raise DataError(path, "does not exist")
    return joined(list(file_ratings(path, NAMESPACE, NAMESPACE)), path)


def items_of(path: Path) -> list[Item]:
    """The films of ``movies.csv``, ``movies.dat`` or ``u.item``, by the ending of the name.

    Raises:
        DataError: naming file and row, if there are none, one is bad, or an id comes twice.
    """
    if not path.is_file():
        raise DataError(path, "does not exist")
    layout = {".csv": Layout.ML_CSV, ".dat": Layout.ML_1M}.get(path.suffix, Layout.ML_100K)
    items = [
        msgspec.structs.replace(item, item_id=f"{NAMESPACE}{item.item_id.partition(':')[2]}")
        for item in file_items(path, layout)
    ]
    if not items:
        raise DataError(path, "holds no films")
    return items


@dataclass(frozen=True)
class Files:
    """Three files, read."""

    train: Ratings
    test: Ratings
    items: list[Item]


def read_files(train: Path, test: Path, items: Path) -> Files:
    """All three.

    Raises:
        DataError: as the other functions here.
    """
    return Files(ratings_of(train), ratings_of(test), items_of(items))
