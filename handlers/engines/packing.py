"""Words without their padding, as native code takes them: what is not there costs nothing. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from handlers.engines.base import Inputs

LEAST = 2
"""Words of a packed batch at least: compilers take a size of 1 for a constant."""


def packed(inputs: Inputs) -> dict[str, npt.NDArray[Any]]:
    """``inputs`` with the words of all rows one behind the other; as they are where they hold no words.

    Instead of ``input_ids`` [n, t]: ``words`` [m], token numbers of those that the mask shows, ``places``
    [m], their columns, ``at`` [n, t], where each cell's word stands (0 at padding), and ``taken`` [m], the
    cell of each word. All int64. Where the mask shows fewer than :data:`LEAST`, padding makes up for it.
    """
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
