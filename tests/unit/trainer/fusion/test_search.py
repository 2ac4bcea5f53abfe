"""The search for the base goes by the score alone, and keeps what nothing is clearly better than."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from handlers.config import KernelConfig
from trainer.fusion.fit import gain_of
from trainer.fusion.marks import Marks, marks_of
from trainer.fusion.options import ALL, GAINS, NO_TEXT, VARIANTS
from trainer.fusion.search import Shape, search_shape

START = Shape(KernelConfig(poster=0.05), 0.3, 0.25, 0.0)
USERS = 400
NOISE = np.random.default_rng(0).normal(0, 1, USERS)
NOISE -= NOISE.mean()
ERROR = NOISE.std() / np.sqrt(USERS - 1)
BLOCKS = np.array([-1.0, 1.0] * 5)
FILM_ERROR = 1 / 3
"""Standard error of the mean of ``BLOCKS``."""


def marks(users: np.ndarray, films: np.ndarray | None = None) -> Marks:
    """As sure over films as can be, unless ``films`` says otherwise."""
    return Marks(users, np.full(10, users.mean()) if films is None else films)


def test_it_finds_what_scores_best_and_tells_how_far_it_is() -> None:
    seen: list[tuple[int, int]] = []

    def score(shape: Shape) -> Marks:
        return marks(
            np.full(3, (shape.penalty == 1.0) + (shape.length_power == 0.0) + 2 * shape.kernel.poster)
        )

    found = search_shape(score, START, lambda done, of: seen.append((done, of)))
    assert (found.penalty, found.length_power, found.kernel.poster) == (1.0, 0.0, 0.2)
    assert found.kernel.text == START.kernel.text
    assert seen[-1][0] == seen[-1][1] == len(seen)


def test_what_is_best_already_stays() -> None:
    assert search_shape(lambda shape: marks(np.full(3, float(shape == START))), START) == START


def test_content_aims_at_shorter_vectors_and_at_first_directions() -> None:
    """Powers of length and of the direction's number; a film without ratings stays at nothing."""
    targets = np.array([[16.0, 0.0], [0.0, 4.0], [0.0, 0.0]])
    shape = Shape(KernelConfig(), 0.3, length_power=0.5, rank_power=-1.0)
    np.testing.assert_allclose(shape.aims(targets), [[4.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    found = search_shape(lambda one: marks(np.full(3, -abs(one.rank_power + 0.1))), START)
    assert found.rank_power == -0.1


def test_what_may_be_chance_changes_nothing() -> None:
    """Without posters a little better on the mean: less than users differ by, then more."""

    def score(margin: float) -> Shape:
        return search_shape(lambda shape: marks((margin + NOISE) * (shape.kernel.poster == 0)), START)

    assert score(0.9 * ERROR) == START
    assert score(1.1 * ERROR).kernel.poster == 0.0
    assert not marks(NOISE).clearly_above(marks(NOISE))


def test_what_a_few_films_make_of_it_changes_nothing() -> None:
    """All users agree, for they are shown the same films: how the films differ says what chance is."""

    def better(margin: float) -> bool:
        one = Marks(np.full(USERS, margin), margin + BLOCKS)
        return one.clearly_above(marks(np.zeros(USERS)))

    assert not better(0.9 * FILM_ERROR)
    assert better(1.1 * FILM_ERROR)


def scores(margin: float, *of: str) -> dict[str, list[Marks]]:
    """Every variant as good at each gain, but those of ``of`` by a margin better at the last."""
    made = {name: [marks(np.zeros(USERS)) for _ in GAINS] for name in VARIANTS}
    for name in of:
        made[name][-1] = marks(margin + NOISE)
    return made


def test_a_correction_counts_only_where_it_is_clearly_better() -> None:
    assert GAINS[gain_of(scores(0.9 * ERROR, ALL))] == 0.0
    assert GAINS[gain_of(scores(-1.0, ALL))] == 0.0
    assert GAINS[gain_of(scores(1.1 * ERROR, ALL))] == GAINS[-1]
    # films without a text are not helped at the cost of the others
    assert GAINS[gain_of(scores(1.1 * ERROR, NO_TEXT))] == 0.0
    assert GAINS[gain_of(scores(1.1 * ERROR, ALL, NO_TEXT))] == GAINS[-1]


def test_marks_are_sure_where_every_film_says_the_same() -> None:
    """A film a user, each liked by its own: ranked first by all, or by none."""
    films = np.eye(20, dtype=np.float32)
    first = marks_of(films, films, sp.csr_matrix(films))
    assert first.mean == 1.0
    np.testing.assert_allclose(first.films, 1.0)
    last = marks_of(-films, films, sp.csr_matrix(films))
    assert last.mean == 0.0
    assert first.clearly_above(last)


def test_marks_tell_that_one_film_decides() -> None:
    """Everybody likes one film of twenty: without it there is nothing to judge."""
    users, films = np.ones((50, 1), dtype=np.float32), np.linspace(2, 1, 20, dtype=np.float32)[:, None]
    liked = np.zeros((50, 20))
    liked[:, 0] = 1
    found = marks_of(users, films, sp.csr_matrix(liked))
    assert found.mean == 1.0
    assert not found.clearly_above(marks(np.full(50, 0.2)))
    none = marks_of(users, films, sp.csr_matrix(np.zeros((50, 20))))
    assert none.mean == 0.0
    assert not none.clearly_above(none)
