"""Words without padding, and posters that are there, as native code takes them: no more is computed. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from handlers.engines.base import Inputs

LEAST = 2
"""Words of a packed batch at least: compilers take a size of 1 for a constant."""


def packed(inputs: Inputs) -> dict[str, npt.NDArray[Any]]:
    """``inputs`` with the words of all rows one behind the other, and no posters but those that are there.

    Instead of ``input_ids`` [n, t]: ``words`` [m], token numbers of those that the mask shows, ``places``
    [m], their columns, ``at`` [n, t], where each cell's word stands (0 at padding), and ``taken`` [m], the
    cell of each word. All int64. Where the mask shows fewer than :data:`LEAST`, padding makes up for it.
    Of ``pixels`` [n, ...] those rows that ``has_poster`` shows, one at least, and beside them ``poster_at``,
    int64 [n], where each row's poster stands (0 where it has none). What holds no words stays as it is, and
    so do posters without ``has_poster``.
    """
    return _posters(_words(inputs))


def _words(inputs: Inputs) -> dict[str, npt.NDArray[Any]]:
    if "input_ids" not in inputs:
        return dict(inputs)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    taken = np.flatnonzero(mask)
    if len(taken) < LEAST:
        taken = np.union1d(taken, np.flatnonzero(mask == 0)[: LEAST - len(taken)])
    at = np.zeros(mask.size, dtype=np.int64)
    at[taken] = np.arange(len(taken))
    rest = {name: value for name, value in inputs.items() if name != "input_ids"}
    return {
        "words": ids.reshape(-1)[taken],
        "places": taken % mask.shape[1],
        "at": at.reshape(mask.shape),
        "taken": taken,
        **rest,
    }


def _posters(inputs: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    if "has_poster" not in inputs:
        return inputs
    there = np.flatnonzero(inputs["has_poster"])
    if not len(there):
        # an empty one, that is not looked for
        there = np.zeros(1, dtype=np.int64)
    at = np.zeros(len(inputs["has_poster"]), dtype=np.int64)
    at[there] = np.arange(len(there))
    return {**inputs, "pixels": inputs["pixels"][there], "poster_at": at}
