"""A folder of one's own: ``ratings`` and ``items``, each as CSV or Parquet, and image files in ``posters/``.

Ids stand as they are, without a namespace. Columns of ratings: ``user_id``, ``item_id``, ``value`` (0.5 to
5.0) and, where it is known, ``event_time`` (ISO 8601 with a zone) or ``event_time_ms`` (since 1970). Columns
of items: the fields of :class:`streaming.events.Item`, of which ``item_id`` and ``title`` are needed; in CSV
several genres, people, countries or languages are separated by ``|``. Other columns are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streaming.events import InvalidEventError, Item, check_item
from streaming.ids import new_id_problem
from trainer.data.arrow_csv import csv_batches
from trainer.data.arrow_parquet import parquet_batches
from trainer.data.columns import Ratings, check_values, no_nulls, times_or_order
from trainer.data.layouts import Layout
from trainer.data.once import only_once
from trainer.data.tables import header, table_rows
from trainer.exceptions import DataError

POSTERS = "posters"
_LISTS = frozenset(("genres", "directors", "cast", "countries", "languages"))
_TYPES = {
    "user_id": pa.string(),
    "item_id": pa.string(),
    "value": pa.float64(),
    "event_time": pa.timestamp("ms", "UTC"),
    "event_time_ms": pa.int64(),
}
_NEEDED = ("user_id", "item_id", "value")
_ITEM_NEEDED = ("item_id", "title")


def posters_beside(folder: Path, layout: Layout) -> Path | None:
    """The image files of a folder of one's own, named by id (``:`` as ``_``); None where there are none."""
    posters = folder / POSTERS
    return posters if layout is Layout.OWN and posters.is_dir() else None


def own_ratings(file: Path) -> Iterator[Ratings]:
    """Batches of the ratings in ``file`` (``.csv`` or ``.parquet``).

    Raises:
        DataError: naming file and row, if a column is missing or a rating is bad.
    """
    for row, batch in _batches(file):
        yield _rated(batch, file, row)


def _batches(file: Path) -> Iterator[tuple[int, pa.RecordBatch]]:
    if file.suffix == ".parquet":
        yield from parquet_batches(file, _TYPES, _NEEDED)
        return
    names = header(file)
    if missing := [name for name in _NEEDED if name not in names]:
        raise DataError(file, f"no column {', '.join(missing)}")
    row = 1
    for batch in csv_batches(file, {name: type_ for name, type_ in _TYPES.items() if name in names}):
        yield row, batch
        row += len(batch)


def _rated(batch: pa.RecordBatch, file: Path, row: int) -> Ratings:
    values = no_nulls(batch.column("value"), "value", file, row)
    check_values(values, file, row)
    return Ratings(
        _ids(batch, "user_id", file, row), _ids(batch, "item_id", file, row), values, _times(batch, row)
    )


def _ids(batch: pa.RecordBatch, name: str, file: Path, row: int) -> npt.NDArray[np.object_]:
    ids = no_nulls(batch.column(name), name, file, row)
    for one in set(ids):
        if problem := new_id_problem(one):
            raise DataError(file, f"{name} {one!r} {problem}", row + int(np.flatnonzero(ids == one)[0]))
    return ids


def _times(batch: pa.RecordBatch, row: int) -> npt.NDArray[np.int64]:
    times = np.full(len(batch), np.nan)
    for name in ("event_time", "event_time_ms"):
        if name in batch.schema.names:
            given = batch.column(name).cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64)
            times = np.where(np.isnan(times), given, times)
    return times_or_order(times, row)


def own_items(file: Path) -> Iterator[Item]:
    """The films in ``file`` (``.csv`` or ``.parquet``), in its order.

    Raises:
        DataError: naming file and row, if a column is missing, or a film is bad or comes twice.
    """
    seen: set[str] = set()
    for row, fields in _records(file):
        try:
            item = check_item(msgspec.convert(_typed(fields), Item, strict=False))
        except (InvalidEventError, msgspec.ValidationError) as error:
            raise DataError(file, str(error), row) from None
        only_once(item.item_id, seen, file, row)
        yield item


def _records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if file.suffix == ".parquet":
        for first, batch in parquet_batches(file, dict.fromkeys(Item.__struct_fields__), _ITEM_NEEDED):
            yield from enumerate(batch.to_pylist(), first)
        return
    yield from table_rows(file, _ITEM_NEEDED)


def _typed(fields: dict[str, Any]) -> dict[str, Any]:
    """What is there, of the fields of a film; lists in text are taken apart."""
    known = {name: fields[name] for name in Item.__struct_fields__ if name in fields}
    found = {name: value for name, value in known.items() if value not in (None, "")}
    for name in _LISTS & found.keys():
        if isinstance(found[name], str):
            found[name] = [part.strip() for part in found[name].split("|") if part.strip()]
    return found
