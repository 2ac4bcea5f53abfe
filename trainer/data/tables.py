"""Tables in text files, row by row: what is missing or bad is named by file and row."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainer.exceptions import DataError

ENCODING = "utf-8-sig"
"""UTF-8; what some programs write before it (a byte order mark) is no part of the first column's name."""

_NO_UTF8 = re.compile("[\udc80-\udcff]")
"""What Python reads a byte as that is not UTF-8, if it is told to go on."""


def table_rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(row, fields by column) of a CSV file in UTF-8; the first row under the header is 1, empty ones count
    for nothing.

    Raises:
        DataError: naming file and row, if one of ``columns`` is missing, a row has not as many fields as the
            header, or a byte is not UTF-8.
    """
    yield from _by_column(file, columns, csv.excel)


def tab_rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The same of a file with tabs between fields, in which a quotation mark is a letter like any other."""
    yield from _by_column(file, columns, _Tabs)


def plain_rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """(row, fields) of a CSV file in UTF-8 without a header; the first row is 1.

    Raises:
        DataError: naming file and row, if a byte is not UTF-8.
    """
    yield from _rows(file, csv.excel, 1)


def header(file: Path) -> list[str]:
    """The names of a CSV file's columns; of an empty file none.

    Raises:
        DataError: naming the file, if it cannot be read.
    """
    try:
        # what is no UTF-8 is told, with its row, by who reads the rows
        with file.open(encoding=ENCODING, errors="surrogateescape", newline="") as lines:
            return next(filter(None, csv.reader(lines)), [])
    except OSError as error:
        raise _unreadable(file, error) from None
    except csv.Error as error:
        raise DataError(file, f"its header cannot be taken apart: {error}") from None


class _Tabs(csv.excel_tab):
    quoting = csv.QUOTE_NONE


def _by_column(
    file: Path, columns: Sequence[str], dialect: type[csv.Dialect]
) -> Iterator[tuple[int, dict[str, str]]]:
    rows = _rows(file, dialect, 0)
    _, names = next(rows, (0, list[str]()))
    if missing := [name for name in columns if name not in names]:
        raise DataError(file, f"no column {', '.join(missing)}")
    for row, fields in rows:
        if len(fields) < len(names):
            raise DataError(file, f"has too few fields: {len(fields)}, not {len(names)}", row)
        # delimiters at the end move no field into another's place
        if any(fields[len(names) :]):
            raise DataError(file, f"has too many fields: {len(fields)}, not {len(names)}", row)
        yield row, dict(zip(names, fields, strict=False))


def _rows(file: Path, dialect: type[csv.Dialect], first: int) -> Iterator[tuple[int, list[str]]]:
    """What is not empty; the first is number ``first``, a header 0."""
    row = first - 1
    try:
        with file.open(encoding=ENCODING, newline="") as lines:
            for row, fields in enumerate(filter(None, csv.reader(lines, dialect)), first):
                yield row, fields
    except OSError as error:
        raise _unreadable(file, error) from None
    except csv.Error as error:
        raise DataError(file, f"cannot be taken apart: {error}", row + 1 or None) from None
    except UnicodeDecodeError as error:
        raise _first_bad_byte(file, dialect, first, error) from None


def _first_bad_byte(
    file: Path, dialect: type[csv.Dialect], first: int, error: UnicodeDecodeError
) -> DataError:
    """Files are decoded in pieces of many rows; here once more, to see in which row it was."""
    with file.open(encoding=ENCODING, errors="surrogateescape", newline="") as lines:
        for row, fields in enumerate(filter(None, csv.reader(lines, dialect)), first):
            if found := _NO_UTF8.search("\n".join(fields)):
                return _bad_byte(file, ord(found[0]) - 0xDC00, row)
    return DataError(file, f"is not UTF-8: {error}")


def _bad_byte(file: Path, byte: int, row: int) -> DataError:
    where = "" if row else " (in the header)"
    return DataError(file, f"byte 0x{byte:02x} is not UTF-8{where}", row or None)


def _unreadable(file: Path, error: OSError) -> DataError:
    return DataError(file, f"cannot be read: {error.strerror or error}")
