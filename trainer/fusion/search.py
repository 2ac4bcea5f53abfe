"""Chooses how the base compares films, by how well it predicts rated films that were held out. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from handlers.config import EncoderConfig, KernelConfig
from handlers.fusion import Likeness
from trainer.fusion.base import fit_base
from trainer.fusion.frozen import Arrays
from trainer.fusion.options import ALL

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

GRID: dict[str, tuple[float, ...]] = {
    "poster": (0.0, 0.2, 0.5, 1.0),
    "text": (1.0, 1.5, 2.5),
    "genres": (0.4, 0.6, 1.0),
}
PENALTIES = (0.1, 0.2, 0.4, 1.0, 3.0)
FOLDS, FILMS, ANCHORS = 3, 3000, 1000


@dataclass(frozen=True)
class Searched:
    """The kernel, and the share of the targets' weighted variance that its predictions leave."""

    kernel: KernelConfig
    penalty: float
    error: float


def empty_likeness(config: EncoderConfig, kernel: KernelConfig, poster: int) -> Likeness:
    """Of the sizes of ``config``; ``poster`` is the width of poster vectors."""
    assert config.fusion is not None
    sizes = msgspec.structs.replace(config.fusion, kernel=kernel)
    return Likeness(sizes, config.features, config.text_model.width, poster, config.dim)


def search_kernel(
    config: EncoderConfig,
    films: Arrays,
    targets: Float64,
    counts: Int64,
    asking: Float64,
    start: tuple[KernelConfig, float],
    power: float,
    seed: int,
    step: Callable[[int, int], None] = lambda *_: None,
) -> Searched:
    """One round of coordinate search from ``start``.

    ``films``, ``targets`` [n, dim] and ``counts`` [n] are rated films; ``asking`` [dim] says how much each
    direction weighs in users' profiles (their mean squares). No ranking is looked at: the error of the
    predictions is far less noisy than a ranking of a few hundred films.
    """
    chosen = np.sort(np.argsort(-counts, kind="stable")[:FILMS])
    some: Arrays = (films[0][chosen], films[1][chosen], films[2][chosen])
    of, n = targets[chosen], counts[chosen]

    def error(kernel: KernelConfig, penalty: float) -> float:
        likeness = empty_likeness(config, kernel, films[2].shape[1])
        base = fit_base(likeness, {ALL: some}, of, n, penalty, power, ANCHORS, FOLDS, seed)
        left = np.square(base.held_out[ALL] - of).sum(axis=0) @ asking
        return float(left / (np.square(of - base.bias).sum(axis=0) @ asking))

    best, penalty = start
    least = error(best, penalty)
    trials = [("penalty", one) for one in PENALTIES]
    trials += [(name, value) for name, grid in GRID.items() for value in grid]
    for done, (name, value) in enumerate(trials, 1):
        skip = name == "poster" and not bool(films[2].any())
        if name == "penalty":
            if value != penalty and (found := error(best, value)) < least:
                penalty, least = value, found
        elif not skip and value != getattr(best, name):
            one = msgspec.structs.replace(best, **{name: value})
            if (found := error(one, penalty)) < least:
                best, least = one, found
        step(done, len(trials))
    return Searched(best, penalty, least)
