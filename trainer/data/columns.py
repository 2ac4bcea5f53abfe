"""Columns of ratings, and what holds for them in every layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trainer.exceptions import DataError

FALLBACK_TIME_MS = 946_684_800_000
"""2000-01-01T00:00:00Z. A rating without a time is given this plus its row number in milliseconds: the
order of the file is kept, and every import of the same file gives the same events."""

MIN_VALUE, MAX_VALUE = 0.5, 5.0


@dataclass(frozen=True)
class Ratings:
    """Columns of n ratings; ``user_ids`` and ``item_ids`` carry their namespace."""

    user_ids: npt.NDArray[np.object_]
    item_ids: npt.NDArray[np.object_]
    values: npt.NDArray[np.float64]
    """0.5 to 5.0."""
    event_time_ms: npt.NDArray[np.int64]
    """Milliseconds since 1970."""
    source: Path | None = None
    """The file that all of them are from, where it is known: what is found wrong with them can name it."""

    def __len__(self) -> int:
        return len(self.values)


def joined(parts: Sequence[Ratings], source: Path) -> Ratings:
    """All ``parts`` of the file ``source``, one after the other.

    Raises:
        DataError: naming it, if there is not one rating.
    """
    if not sum(map(len, parts)):
        raise DataError(source, "holds no ratings")
    return Ratings(
        np.concatenate([p.user_ids for p in parts]),
        np.concatenate([p.item_ids for p in parts]),
        np.concatenate([p.values for p in parts]),
        np.concatenate([p.event_time_ms for p in parts]),
        source,
    )


def no_nulls(array: pa.Array, what: str, path: Path, row: int) -> npt.NDArray[Any]:
    """``array`` as numpy; the first row is number ``row``. Raises DataError naming a row without a value."""
    if array.null_count:
        missing = int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(path, f"no {what}", row + missing)
    values: npt.NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return values


def check_values(values: npt.NDArray[np.float64], path: Path, row: int) -> None:
    """Raises DataError naming the first rating out of range, NaN among them."""
    # written so that NaN is bad too
    bad = np.flatnonzero(~((values >= MIN_VALUE) & (values <= MAX_VALUE)))
    if len(bad):
        reason = f"rating {values[bad[0]]} is not from {MIN_VALUE} to {MAX_VALUE}"
        raise DataError(path, reason, row + int(bad[0]))


def times_or_order(times_ms: npt.NDArray[np.float64], row: int) -> npt.NDArray[np.int64]:
    """int64 milliseconds since 1970: those given; for NaN :data:`FALLBACK_TIME_MS` and the row number."""
    known = np.isfinite(times_ms)
    fallback = FALLBACK_TIME_MS + row + np.arange(len(times_ms), dtype=np.int64)
    return np.where(known, np.where(known, times_ms, 0).astype(np.int64), fallback)
