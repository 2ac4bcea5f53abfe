"""CSV files read by pyarrow, as columns; a row that it refuses is told by our count (data alone, from 1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from trainer.data.arrow_words import plain
from trainer.exceptions import DataError

_ROW = re.compile(r"^(?:In CSV column #\d+: |CSV parse error: )?Row #(\d+): ")
_NO_COLUMN = re.compile(r"^'?Column '(.*)' in include_columns does not exist")


def csv_batches(
    file: Path,
    types: Mapping[str, pa.DataType],
    names: Sequence[str] | None = None,
    delimiter: str = ",",
) -> Iterator[pa.RecordBatch]:
    """Batches of the columns ``types``; what is empty is null. A name ending in ``.gz`` is unpacked.

    Args:
        names: of all columns of a file without a header.

    Raises:
        DataError: naming file and row, if a column is missing, a row has not as many fields as the first, or
            a field is not of its type.
    """
    try:
        # in one thread: only then the library knows which row it is that it refuses
        yield from pyarrow.csv.open_csv(
            str(file),
            read_options=pyarrow.csv.ReadOptions(
                column_names=None if names is None else list(names), use_threads=False
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict(types),
                include_columns=list(types),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowException, KeyError, OSError) as error:
        raise _named(file, str(error), 0 if names else 1) from None


def _named(file: Path, said: str, headers: int) -> DataError:
    if found := _NO_COLUMN.match(said):
        return DataError(file, f"no column {found[1]}")
    if found := _ROW.match(said):
        # the library counts what is not empty, the header too
        return DataError(file, plain(said[found.end() :]), int(found[1]) - headers or None)
    return DataError(file, plain(said))
