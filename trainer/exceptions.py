"""What can go wrong in training, each with a sentence for people."""

from __future__ import annotations

from pathlib import Path

from streaming.exceptions import MarqueeError


class TrainingError(MarqueeError):
    """Training cannot go on: the data or the options do not fit."""

    exit_code = 2


class DataError(TrainingError):
    """A data file is missing or bad; the message names the file and, where there is one, the row."""

    def __init__(self, path: Path, reason: str, row: int | None = None) -> None:
        where = f"{path}" if row is None else f"{path}, row {row}"
        super().__init__(f"{where}: {reason}")
        self.path = path
        self.row = row
