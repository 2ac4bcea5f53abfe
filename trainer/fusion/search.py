"""Chooses how the base compares films, by how it ranks films that were held out whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import numpy.typing as npt

from handlers.config import EncoderConfig, KernelConfig
from handlers.fusion import Likeness
from trainer.fusion.marks import Marks

Float64 = npt.NDArray[np.float64]

GRID: dict[str, tuple[float, ...]] = {
    "rank_power": (0.1, -0.1),
    "length_power": (0.0, 0.5),
    "penalty": (0.1, 0.3, 1.0),
    "poster": (0.0, 0.2),
    "text": (1.0, 2.5),
    "genres": (0.4, 1.0),
}
ANCHORS = 1000
"""In the search, which is to be quick."""


@dataclass(frozen=True)
class Shape:
    """How the base compares films, and at what it aims."""

    kernel: KernelConfig
    penalty: float
    length_power: float
    """Content aims at c / |c|^this: lengths are long-tailed, and a few famous films would decide all."""
    rank_power: float
    """And at direction d times d^this: later directions say finer things of ratings, which content guesses
    less well, but lambda shrinks them more already."""

    def aims(self, targets: Float64) -> Float64:
        """[items, dim]: what content is to say of films whose collaborative vectors are ``targets``."""
        lengths = np.linalg.norm(targets, axis=1, keepdims=True)
        shorter = np.divide(targets, lengths**self.length_power, where=lengths > 0, out=targets * 0)
        out: Float64 = shorter * np.arange(1, targets.shape[1] + 1) ** self.rank_power
        return out

    def change(self, name: str, value: float) -> Shape:
        """With another value of a field of its own or of its kernel."""
        if name in ("penalty", "length_power", "rank_power"):
            return replace(self, **{name: value})  # type: ignore[arg-type]
        return replace(self, kernel=msgspec.structs.replace(self.kernel, **{name: value}))


def empty_likeness(config: EncoderConfig, kernel: KernelConfig, poster: int) -> Likeness:
    """Of the sizes of ``config``; ``poster`` is the width of poster vectors."""
    assert config.fusion is not None
    sizes = msgspec.structs.replace(config.fusion, kernel=kernel)
    return Likeness(sizes, config.features, config.text_model.width, poster, config.dim)


def search_shape(
    score: Callable[[Shape], Marks], start: Shape, step: Callable[[int, int], None] = lambda *_: None
) -> Shape:
    """One round of coordinate search from ``start``, by how well held-out films rank.

    By rankings, not by the error of the predictions: the least error wants a penalty ten times as high, which
    predicts all but the most popular directions as nothing, and ranks worse. Only what is clearly better is
    taken: ``start`` was found on more ratings than a small data set has to choose by.
    """
    best, most = start, score(start)
    trials = [(name, value) for name, grid in GRID.items() for value in grid]
    for done, (name, value) in enumerate(trials, 1):
        one = best.change(name, value)
        if one != best and (found := score(one)).clearly_above(most):
            best, most = one, found
        step(done, len(trials))
    return best
