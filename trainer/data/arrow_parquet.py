"""Columns of Parquet files as the types that are wanted; the row of a value that is of another is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from trainer.data.arrow_words import plain
from trainer.exceptions import DataError


def parquet_batches(
    file: Path, columns: Mapping[str, pa.DataType | None], needed: Sequence[str]
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(number of its first row, batch) of those of ``columns`` that ``file`` has; the file's first row is 1.

    Each column is cast to its type, or stays of the one that it has (None).

    Raises:
        DataError: naming file and row, if one of ``needed`` is missing, a value cannot become its type, or a
            text is not UTF-8.
    """
    row = 1
    try:
        table = pyarrow.parquet.ParquetFile(file)
        there = set(table.schema_arrow.names)
        if missing := [name for name in needed if name not in there]:
            raise DataError(file, f"no column {', '.join(missing)}")
        wanted = [name for name in columns if name in there]
        for batch in table.iter_batches(columns=wanted):
            yield row, _cast(batch, {name: columns[name] for name in wanted}, file, row)
            row += len(batch)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise DataError(file, str(error)) from None


def _cast(
    batch: pa.RecordBatch, types: Mapping[str, pa.DataType | None], file: Path, row: int
) -> pa.RecordBatch:
    try:
        return pa.record_batch({name: _ready(batch.column(name), type_) for name, type_ in types.items()})
    except pa.ArrowException as error:
        bad = [_first_bad(batch.column(name), name, type_) for name, type_ in types.items()]
        place, reason = min((found for found in bad if found is not None), default=(-1, str(error)))
        raise DataError(file, reason, None if place < 0 else row + place) from None


def _ready(column: pa.Array, type_: pa.DataType | None) -> pa.Array:
    ready = column if type_ is None else column.cast(type_)
    ready.validate(full=True)  # a file may call anything text; later it would fail without a row
    return ready


def _problem(column: pa.Array, type_: pa.DataType | None, rows: int) -> str | None:
    """Why the first ``rows`` of ``column`` are not of ``type_``, if so."""
    try:
        # copied: the library checks also what lies behind the end of a part
        _ready(column.take(pa.array(np.arange(rows))), type_)
    except pa.ArrowException as error:
        # where it says the place in words, it counts from 0
        return plain(str(error))
    return None


def _first_bad(column: pa.Array, name: str, type_: pa.DataType | None) -> tuple[int, str] | None:
    """(place, reason) of the first value that is bad; place -1 if no value can be of the type."""
    reason = _problem(column, type_, len(column))
    if reason is None:
        return None
    if (always := _problem(column, type_, 0)) is not None:
        return -1, f"column {name}: {always}"
    good, bad = 0, len(column)
    while bad - good > 1:
        middle = (good + bad) // 2
        found = _problem(column, type_, middle)
        good, bad, reason = (middle, bad, reason) if found is None else (good, middle, found)
    return good, f"{name}: {reason}"
