"""Tables in text files with a header, row by row: what is missing is named by file and row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainer.exceptions import DataError


def table_rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(row, fields by column) of a CSV file in UTF-8; the first row under the header is 1.

    Raises:
        DataError: naming file and row, if one of ``columns`` is missing, in the header or in a row.
    """
    yield from _rows(file, columns, csv.excel, "CSV")


def tab_rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The same of a file with tabs between fields, in which a quotation mark is a letter like any other."""
    yield from _rows(file, columns, _Tabs, "TSV")


class _Tabs(csv.excel_tab):
    quoting = csv.QUOTE_NONE


def _rows(
    file: Path, columns: Sequence[str], dialect: type[csv.Dialect], kind: str
) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, dialect=dialect)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(file, f"no column {', '.join(missing)}")
            for row, fields in enumerate(reader, 1):
                if any(fields[name] is None for name in columns):
                    raise DataError(file, "has too few fields", row)
                yield row, fields
    except OSError as error:
        raise DataError(file, f"cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(file, f"is no {kind} file in UTF-8: {error}") from None
