"""Ratings of every layout as typed columns, in batches, so that 25 million fit through a small machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trainer.data.arrow_csv import csv_batches
from trainer.data.arrow_parquet import parquet_batches
from trainer.data.columns import (
    MIN_VALUE,
    Ratings,
    check_values,
    joined,
    no_nulls,
    times_or_order,
)
from trainer.data.layouts import Layout, detect_layout, ratings_file
from trainer.data.own import own_ratings


def _csv_options(path: Path) -> tuple[list[str] | None, str]:
    """Column names (``None``: the file has a header) and delimiter."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".csv"):
        return None, ","
    if name.endswith(".dat"):
        # `::` read as single colons leaves an empty column between two values
        return ["user", "_1", "item", "_2", "value", "_3", "time"], ":"
    return ["user", "item", "value", "time"], "\t"


_EXPORTED = {
    "user_id": pa.string(),
    "item_id": pa.string(),
    "value": pa.float64(),
    "event_time_ms": pa.int64(),
}

_HEADER = {"userId": "user", "movieId": "item", "rating": "value", "timestamp": "time"}


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    names, delimiter = _csv_options(path)
    types = {"user": pa.int64(), "item": pa.int64(), "value": pa.float64(), "time": pa.float64()}
    if names is None:
        types = {header: types[column] for header, column in _HEADER.items()}
    yield from csv_batches(path, types, names, delimiter)


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    if name in batch.schema.names:
        return batch.column(name)
    header = {column: header for header, column in _HEADER.items()}[name]
    return batch.column(header)


def _ids(prefix: str, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
    unique, where = np.unique(numbers, return_inverse=True)
    return np.array([f"{prefix}{n}" for n in unique.tolist()], dtype=object)[where]


def _from_export(path: Path) -> Iterator[Ratings]:
    for row, batch in parquet_batches(path, _EXPORTED, tuple(_EXPORTED)):
        values = batch.column("value")
        # a take-back has no value; it is no rating to learn from, but a row like any other
        rated = values.is_valid().to_numpy(zero_copy_only=False)
        check_values(values.fill_null(MIN_VALUE).to_numpy(zero_copy_only=False), path, row)
        yield Ratings(
            no_nulls(batch.column("user_id"), "user id", path, row)[rated],
            no_nulls(batch.column("item_id"), "item id", path, row)[rated],
            values.to_numpy(zero_copy_only=False)[rated],
            no_nulls(batch.column("event_time_ms"), "event time", path, row)[rated],
        )


def load_ratings(path: Path, user_prefix: str | None = None) -> Iterator[Ratings]:
    """Batches of the ratings at ``path`` (a folder of a known layout, or one of its files of ratings).

    ``user_prefix`` stands before the user numbers of MovieLens; by default it is the namespace, as before
    item numbers. Take-backs in an export are left out.

    Raises:
        DataError: naming file and row, if a column is missing, is no number, or a value is out of range.
    """
    layout = detect_layout(path)
    file = ratings_file(path)
    if layout is Layout.EXPORT:
        yield from _from_export(file)
        return
    if layout is Layout.OWN:
        yield from own_ratings(file)
        return
    item_prefix = f"{layout.namespace}:"
    yield from file_ratings(file, item_prefix, item_prefix if user_prefix is None else user_prefix)


def file_ratings(file: Path, item_prefix: str, user_prefix: str) -> Iterator[Ratings]:
    """Batches of the ratings in one MovieLens ``file``, wherever it lies.

    The name says what is in it: ``.csv`` has a header, ``.dat`` is ``::`` separated, all else is separated
    by tabs; each may be compressed (``.gz``).

    Raises:
        DataError: as :func:`load_ratings`.
    """
    row = 1
    for batch in _batches(file):
        values = no_nulls(_column(batch, "value"), "rating", file, row)
        check_values(values, file, row)
        seconds = _column(batch, "time").to_numpy(zero_copy_only=False).astype(np.float64)
        yield Ratings(
            _ids(user_prefix, no_nulls(_column(batch, "user"), "user id", file, row)),
            _ids(item_prefix, no_nulls(_column(batch, "item"), "item id", file, row)),
            values,
            times_or_order(np.trunc(seconds) * 1000, row),
        )
        row += len(values)


def all_ratings(path: Path, user_prefix: str | None = None) -> Ratings:
    """Every rating at ``path`` in one table.

    Raises:
        DataError: as :func:`load_ratings`, and if there is not one rating.
    """
    return joined(list(load_ratings(path, user_prefix)), ratings_file(path))
