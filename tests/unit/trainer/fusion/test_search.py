"""The search for the base goes by the score alone, and keeps what nothing is clearly better than."""

from __future__ import annotations

import numpy as np

from handlers.config import KernelConfig
from trainer.evaluation.statistics import clearly_better
from trainer.fusion.fit import gain_of
from trainer.fusion.options import ALL, GAINS, NO_TEXT, VARIANTS
from trainer.fusion.search import Shape, search_shape

START = Shape(KernelConfig(poster=0.2), 0.3, 0.25)
USERS = 400
NOISE = np.random.default_rng(0).normal(0, 1, USERS)
NOISE -= NOISE.mean()


def test_it_finds_what_scores_best_and_tells_how_far_it_is() -> None:
    seen: list[tuple[int, int]] = []

    def score(shape: Shape) -> np.ndarray:
        return np.full(3, (shape.penalty == 1.0) + (shape.length_power == 0.0) + 2 * shape.kernel.poster)

    found = search_shape(score, START, lambda done, of: seen.append((done, of)))
    assert (found.penalty, found.length_power, found.kernel.poster) == (1.0, 0.0, 0.4)
    assert found.kernel.text == START.kernel.text
    assert seen[-1][0] == seen[-1][1] == len(seen)


def test_what_is_best_already_stays() -> None:
    assert search_shape(lambda shape: np.full(3, float(shape == START)), START) == START


def test_what_may_be_chance_changes_nothing() -> None:
    """Without posters a little better on the mean: less than users differ by, then more."""

    def score(margin: float) -> Shape:
        return search_shape(lambda shape: (margin + NOISE) * (shape.kernel.poster == 0), START)

    error = NOISE.std() / np.sqrt(USERS)
    assert score(0.9 * error) == START
    assert score(1.1 * error).kernel.poster == 0.0
    assert not clearly_better(NOISE, NOISE)


def scores(margin: float, of: str = ALL) -> dict[str, list[np.ndarray]]:
    """Every variant as good at each gain, but ``of`` by a margin better at the last."""
    made = {name: [np.zeros(USERS) for _ in GAINS] for name in VARIANTS}
    made[of][-1] = margin + NOISE
    return made


def test_a_correction_counts_only_where_it_is_clearly_better() -> None:
    error = NOISE.std() / np.sqrt(USERS)
    assert GAINS[gain_of(scores(0.9 * error))] == 0.0
    assert GAINS[gain_of(scores(-1.0))] == 0.0
    assert GAINS[gain_of(scores(1.1 * error))] == GAINS[-1]
    # also for what it does for films without a text
    assert GAINS[gain_of(scores(1.1 * error, NO_TEXT))] == GAINS[-1]
