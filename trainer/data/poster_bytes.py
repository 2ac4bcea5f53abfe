"""The bytes of a poster file that still know where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from trainer.exceptions import DataError


class PosterBytes(bytes):
    """Bytes as a film carries them, so that a file which turns out to be no image later can be named then.

    Decoding all posters only to check them as they are read would take as long as decoding them for use.
    """

    path: Path
    table: Path | None
    """The table that names the file, if one does, and its row there."""
    row: int | None

    @classmethod
    def read(cls, path: Path, table: Path | None = None, row: int | None = None) -> Self:
        """The content of ``path``.

        Raises:
            DataError: naming it, and its row in ``table``, if it cannot be read.
        """
        try:
            made = cls(path.read_bytes())
        except OSError as error:
            raise _named(path, table, row, "", f"cannot be read: {error.strerror}") from None
        made.path, made.table, made.row = path, table, row
        return made

    def refused(self, whose: str, reason: str) -> DataError:
        """What to say if they are no image: ``reason`` goes on after the name of the file."""
        return _named(self.path, self.table, self.row, f"the poster of {whose}", reason)


def _named(path: Path, table: Path | None, row: int | None, what: str, reason: str) -> DataError:
    if table is None:
        return DataError(path, f"{what} {reason}".strip())
    return DataError(table, f"{path}{what and f', {what},'} {reason}", row)
