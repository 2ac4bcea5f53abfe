"""Which items run together: as few padded tokens as pay for the batches they need. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


def cheapest_batches(lengths: Sequence[int], batch_cost: int, max_tokens: int, max_batch: int) -> list[Int64]:
    """Index arrays that cover 0..n-1, by length, at the least cost that such batches can have.

    A batch costs ``batch_cost`` tokens for being run, and its longest item's tokens for each of its items. It
    holds at most ``max_batch`` items and ``max_tokens`` padded tokens (a longer item gets its own).
    """
    order = np.argsort(np.asarray(lengths, dtype=np.int64), kind="stable")
    ordered = [int(lengths[i]) for i in order]
    # best[j]: of the j shortest items; began[j]: where the last of their batches begins
    best, began = [0], [0]
    for end in range(1, len(ordered) + 1):
        longest = ordered[end - 1]
        first = max(0, end - max_batch, end - max(1, max_tokens // max(1, longest)))
        costs = [best[start] + batch_cost + (end - start) * longest for start in range(first, end)]
        least = min(costs)
        best.append(least)
        began.append(first + costs.index(least))
    batches, end = [], len(ordered)
    while end:
        batches.append(order[began[end] : end])
        end = began[end]
    return batches[::-1]
