"""All ratings of a data set in event-time order, 32 bytes a rating: 25 million fit into 800 MB. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trainer.data import Ratings


class RatingRow(NamedTuple):
    """One rating, ids with their namespace."""

    user_id: str
    item_id: str
    value: float
    event_time_ms: int


class _Names:
    """Ids as small integers, in order of appearance."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, int] = {}

    def codes(self, names: Sequence[str] | npt.NDArray[np.object_]) -> npt.NDArray[np.int32]:
        encoded = pa.array(names, type=pa.string()).dictionary_encode()
        known = np.empty(len(encoded.dictionary), dtype=np.int32)
        for place, name in enumerate(encoded.dictionary.to_pylist()):
            code = self._codes.setdefault(name, len(self.names))
            if code == len(self.names):
                self.names.append(name)
            known[place] = code
        places: npt.NDArray[np.int32] = known[encoded.indices.to_numpy(zero_copy_only=False)]
        return places


@dataclass(frozen=True)
class RatingTable:
    """Columns of n ratings, oldest event first; equal times in the order of the file."""

    users: list[str]
    items: list[str]
    user_codes: npt.NDArray[np.int32]
    item_codes: npt.NDArray[np.int32]
    values: npt.NDArray[np.float64]
    event_time_ms: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    """Row numbers in event-time order."""

    def __len__(self) -> int:
        return len(self.order)

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[RatingRow]:
        """Ratings ``start`` to ``stop`` of the order."""
        for row in self.order[start:stop].tolist():
            yield RatingRow(
                self.users[self.user_codes[row]],
                self.items[self.item_codes[row]],
                float(self.values[row]),
                int(self.event_time_ms[row]),
            )


def rating_table(batches: Iterable[Ratings], limit: int | None = None) -> RatingTable:
    """The table of all ``batches``; with ``limit`` only the oldest so many ratings are in the order."""
    users, items = _Names(), _Names()
    user_codes, item_codes, values, times = [], [], [], []
    for batch in batches:
        user_codes.append(users.codes(batch.user_ids))
        item_codes.append(items.codes(batch.item_ids))
        values.append(batch.values.astype(np.float64))
        times.append(batch.event_time_ms.astype(np.int64))
    if not values:
        return RatingTable([], [], *_empty())
    at = np.concatenate(times)
    order = np.argsort(at, kind="stable")
    return RatingTable(
        users.names,
        items.names,
        np.concatenate(user_codes),
        np.concatenate(item_codes),
        np.concatenate(values),
        at,
        order if limit is None else order[:limit],
    )


def _empty() -> tuple[
    npt.NDArray[np.int32],
    npt.NDArray[np.int32],
    npt.NDArray[np.float64],
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
]:
    whole, codes = np.empty(0, np.int64), np.empty(0, np.int32)
    return codes, codes, np.empty(0, np.float64), whole, whole
