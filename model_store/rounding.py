"""Rounding a weight matrix so that its products change least (GPTQ, Frantar et al. 2023, algorithm 1)."""

from __future__ import annotations

import torch
from torch import Tensor

DAMPING = 0.01
"""Of the mean square of an input, added to each: what was seen is a sample."""
_BLOCK = 64


def round_to_steps(weight: Tensor, steps: Tensor, seen: Tensor) -> Tensor:
    """``weight`` in whole steps, at most 127 either way: float32 [out, in].

    Columns are rounded one after the other, those with the largest inputs first, and what a rounding does to
    the products with ``seen`` is taken out of the columns that are still to come.

    Args:
        weight: float32 [out, in].
        steps: float32 [out], above 0: the size of a step of each row.
        seen: float32 [n, in], inputs of the map.
    """
    width = weight.shape[1]
    squares = (seen.T @ seen).double() / len(seen)
    squares.diagonal().add_(DAMPING * squares.diagonal().mean().clamp(min=1e-12))
    order = squares.diagonal().argsort(descending=True)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(squares[order][:, order]))
    upper = torch.linalg.cholesky(inverse, upper=True).float()
    left, size = weight[:, order].clone(), steps[:, None]
    whole = torch.empty_like(left)
    for first in range(0, width, _BLOCK):
        last = min(first + _BLOCK, width)
        errors = torch.empty(len(left), last - first)
        for column in range(first, last):
            now = left[:, column : column + 1]
            rounded = (now / size).round().clamp(-127, 127)
            whole[:, column : column + 1] = rounded
            error = (now - rounded * size) / upper[column, column]
            errors[:, column - first : column - first + 1] = error
            left[:, column:last] -= error * upper[column, column:last]
        left[:, last:] -= errors @ upper[first:last, last:]
    return whole[:, order.argsort()]
