"""The search for the base goes by the score alone, and keeps what it began with where nothing is better."""

from __future__ import annotations

from handlers.config import KernelConfig
from trainer.fusion.search import Shape, search_shape

START = Shape(KernelConfig(), 0.3, 0.25)


def test_it_finds_what_scores_best_and_tells_how_far_it_is() -> None:
    seen: list[tuple[int, int]] = []

    def score(shape: Shape) -> float:
        return (shape.penalty == 1.0) + (shape.length_power == 0.0) + 2 * shape.kernel.poster

    found = search_shape(score, START, lambda done, of: seen.append((done, of)))
    assert (found.penalty, found.length_power, found.kernel.poster) == (1.0, 0.0, 0.2)
    assert found.kernel.text == START.kernel.text
    assert seen[-1][0] == seen[-1][1] == len(seen)


def test_what_is_best_already_stays() -> None:
    assert search_shape(lambda shape: float(shape == START), START) == START
