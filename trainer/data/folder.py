"""Any three files, of MovieLens or one's own, wherever they lie: training ratings, test ratings, films."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from streaming.events import Item
from trainer.data.catalogue import file_items
from trainer.data.columns import Ratings, joined
from trainer.data.layouts import Layout
from trainer.data.own import own_items, own_ratings
from trainer.data.ratings import file_ratings
from trainer.data.tables import header
from trainer.exceptions import DataError

NAMESPACE = "ml:"
"""Before every number; whoever gives three files says that their numbers mean the same. Ids of one's own
files stand as they are."""


def ratings_of(path: Path) -> Ratings:
    """All ratings of a file: ``.csv`` with a header, ``.dat``, or tabs between; also with ``.gz``.

    A ``.csv`` with a column ``user_id`` and any ``.parquet`` are of one's own (:mod:`trainer.data.own`).

    Raises:
        DataError: naming file and row, if there are none or one is bad.
    """
    if is_own(path, "user_id", "userId"):
        return joined(list(own_ratings(path)), path)
    return joined(list(file_ratings(path, NAMESPACE, NAMESPACE)), path)


def items_of(path: Path) -> list[Item]:
    """The films of ``movies.csv``, ``movies.dat`` or ``u.item``, by the ending of the name, or of one's own.

    Raises:
        DataError: naming file and row, if there are none, one is bad, or an id comes twice.
    """
    if is_own(path, "item_id", "movieId"):
        items = list(own_items(path))
    else:
        layout = {".csv": Layout.ML_CSV, ".dat": Layout.ML_1M}.get(path.suffix, Layout.ML_100K)
        items = [
            msgspec.structs.replace(item, item_id=f"{NAMESPACE}{item.item_id.partition(':')[2]}")
            for item in file_items(path, layout)
        ]
    if not items:
        raise DataError(path, "holds no films")
    return items


def is_own(path: Path, ours: str, theirs: str) -> bool:
    """Whether a file has the form of a folder of one's own: by its ending, in CSV by the column of ids.

    Raises:
        DataError: there is no such file, or a CSV file with neither column.
    """
    if not path.is_file():
        raise DataError(path, "does not exist")
    if path.suffix != ".csv":
        return path.suffix == ".parquet"
    names = header(path)
    if ours not in names and theirs not in names:
        raise DataError(path, f"no column {theirs} (MovieLens) nor {ours} (your own, see docs/cli.md)")
    return theirs not in names


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
