"""No film stands twice in a file: which of the two would count, nobody could say."""

from __future__ import annotations

from pathlib import Path

from trainer.exceptions import DataError


def only_once(film: str, seen: set[str], file: Path, row: int) -> None:
    """Adds ``film``, its number or id as the file has it, to those ``seen``.

    Raises:
        DataError: naming file and row, if it is there already.
    """
    if film in seen:
        raise DataError(file, f"film {film} comes twice", row)
    seen.add(film)
