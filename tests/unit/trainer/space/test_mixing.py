"""What packages answer of rated films is what was wanted, and moves by (1 - a) of what content moves."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.space.cuts import FEW, FEW_DRAWS, Cut, few_cuts
from trainer.space.matrix import Interactions
from trainer.space.mixing import (
    Mix,
    Question,
    choose_mix,
    hold_weights,
    rating_weights,
    served,
    table_vectors,
    wanted,
)

USERS, FILMS, DIM = 60, 30, 4
TASTE = np.arange(USERS) % 2
KIND = np.arange(FILMS) % 2


def world(seed: int = 0) -> Interactions:
    """Half the users like even films, half odd ones; film 0 has no rating, film i about twice i."""
    rng = np.random.default_rng(seed)
    pairs = [(u, i) for i in range(1, FILMS) for u in rng.permutation(USERS)[: 2 * i]]
    users, items = np.array(pairs).T
    values = np.where(TASTE[users] == KIND[items], 5.0, 2.0)
    return Interactions(tuple(map(str, range(USERS))), tuple(map(str, range(FILMS))), users, items, values)


def vectors(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(collaborative, content), both [films, dim]; content knows nothing of kinds."""
    rng = np.random.default_rng(seed)
    kind = np.eye(DIM)[KIND] * np.sqrt(np.arange(FILMS))[:, None]
    return 0.1 * kind, 0.1 * rng.standard_normal((FILMS, DIM))


@pytest.mark.parametrize("mix", [Mix(), Mix(16.0, 0.5, 1.0), Mix(250.0, 0.25, 2.0)])
def test_a_package_answers_what_was_wanted(mix: Mix) -> None:
    ratings, (c, content) = world(), vectors()
    want = wanted(c, content, ratings, 4.0, mix)
    got = served(c, content, ratings, 4.0, mix)
    assert np.abs(got - want).max() < 1e-3 * np.abs(want).max()
    assert np.allclose(got[0], mix.content_scale * content[0])


def test_ratings_come_in_as_they_grow_in_number() -> None:
    ratings, (c, content) = world(), vectors()
    want = wanted(c, content, ratings, 4.0, Mix(10.0))
    n = ratings.counts()[:, None]
    assert np.allclose(want, content + n**4 / (n**4 + 10_000) * (c - content))
    assert np.allclose(wanted(c, content, ratings, 4.0, Mix())[1:], c[1:])


def test_tastes_turn_films_towards_those_who_liked_them() -> None:
    ratings, (c, content) = world(), vectors()
    plain, turned = (wanted(c, content, ratings, 4.0, Mix(1e9, 1.0, s)) for s in (0.0, 1.0))
    moved = turned - plain
    liked = np.flatnonzero(np.asarray(ratings.liked(4.0).sum(axis=0)).ravel())
    assert len(liked) > FILMS / 2
    assert (moved[liked, KIND[liked]] > moved[liked, 1 - KIND[liked]]).all()
    assert not moved[0].any()


def test_another_text_moves_a_rated_film_by_what_is_left_of_it() -> None:
    ratings, (c, content) = world(), vectors()
    counts = ratings.counts()
    a = hold_weights(counts)[:, None]
    assert np.allclose(a[:, 0], counts / (counts + 1))
    want = wanted(c, content, ratings, 4.0, Mix(250.0, 1.0, 2.0))
    table = table_vectors(want, content, counts).astype(np.float64)
    other = vectors(2)[1]
    before, after = ((1 - a) * said + a * table for said in (content, other))
    assert np.allclose(after - before, (1 - a) * (other - content))
    assert not table[0].any()


def test_cuts_leave_films_few_ratings_and_hold_the_others_back() -> None:
    ratings = world()
    rich = ratings.counts()
    for (cut, thin), count in zip(few_cuts(ratings, 3), FEW * FEW_DRAWS, strict=True):
        assert thin.sum() == round((rich > 0).sum() / 4)
        assert np.array_equal(cut.part.counts(), np.where(thin, np.minimum(rich, count), rich))
        assert np.array_equal(cut.part.counts() + cut.held.counts(), rich)


def test_no_half_count_is_too_large() -> None:
    weights = rating_weights(np.array([0, 1, 10**6]), 1e300)
    assert weights[0] == 0
    assert weights[2] < 1e-20
    assert np.array_equal(rating_weights(np.array([0, 3]), 0.0), [0.0, 1.0])


def said(informed: bool) -> np.ndarray:
    """c that says the films' kinds, or nothing."""
    c = vectors()[0]
    return c if informed else 0.1 * np.random.default_rng(5).standard_normal(c.shape)


def of_few(informed: bool) -> list[Question]:
    return [Question(cut, said(informed), vectors()[1], 4.0, 4.0, thin) for cut, thin in few_cuts(world(), 0)]


def of_all(informed: bool) -> list[Question]:
    return [Question(Cut(world(0), world(9)), said(informed), vectors()[1], 4.0, 4.0)]


def chosen(among_all: list[Question], among_few: list[Question]) -> float:
    return choose_mix(among_all, among_few, (0.0, 100.0), (1.0,)).half_count


def test_films_with_few_ratings_decide_where_all_films_cannot_tell() -> None:
    nothing = np.zeros((FILMS, DIM))
    alike = [Question(Cut(world(0), world(9)), nothing, nothing, 4.0, 4.0)]
    assert chosen(alike, of_few(True)) == 0.0
    assert chosen(alike, of_few(False)) == 100.0


def test_what_all_films_tell_stands() -> None:
    assert chosen(of_all(True), of_few(False)) == 0.0
    assert chosen(of_all(False), of_few(True)) == 100.0
