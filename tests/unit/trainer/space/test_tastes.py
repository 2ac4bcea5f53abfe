"""Ratings turn the vectors of films with few of them, and do not make them shorter."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from trainer.space.tastes import taste_turn

USERS, FILMS, DIM = 40, 6, 4


def world() -> tuple[np.ndarray, np.ndarray]:
    """(content [films, dim], profiles [users, dim]): half the users love axis 0, half axis 1."""
    rng = np.random.default_rng(0)
    profiles = rng.normal(0, 0.05, (USERS, DIM))
    profiles[: USERS // 2, 0] += 1
    profiles[USERS // 2 :, 1] += 1
    return rng.random((FILMS, DIM)), profiles


def likes(*pairs: tuple[int, int]) -> sp.csr_matrix:
    users, films = zip(*pairs, strict=True) if pairs else ((), ())
    return sp.csr_matrix((np.ones(len(pairs)), (users, films)), shape=(USERS, FILMS))


def test_a_film_comes_nearer_to_people_like_those_who_liked_it() -> None:
    content, profiles = world()
    turned = content + taste_turn(content, likes((0, 2), (1, 2)), profiles)
    before, after = profiles @ content[2], profiles @ turned[2]
    gain = after - before
    # people of the same taste who have not rated it gain, the others lose
    assert (gain[2 : USERS // 2] > 0).all()
    assert (gain[USERS // 2 :] < 0).all()
    untouched = [film for film in range(FILMS) if film != 2]
    assert np.array_equal(turned[untouched], content[untouched])


def test_what_everybody_likes_alike_stays_as_it_is() -> None:
    content, profiles = world()
    assert np.allclose(taste_turn(content, likes(*((user, 3) for user in range(USERS))), profiles), 0)


def test_more_likes_of_one_taste_turn_further_and_never_past_a_limit() -> None:
    content, profiles = world()
    profiles[: USERS // 2] = [1, 0, 0, 0]
    moved = []
    for n in (1, 3, 10):
        turn = taste_turn(content, likes(*((user, 0) for user in range(n))), profiles)
        moved.append(np.linalg.norm(turn[0]))
    assert moved[0] < moved[1] < moved[2]
    assert np.allclose(np.array(moved) / moved[0], np.array([1, 3 * 31 / 33, 10 * 31 / 40]))


def test_people_without_a_profile_say_nothing() -> None:
    content, profiles = world()
    profiles[5] = 0
    assert not taste_turn(content, likes((5, 1)), profiles).any()
    one = taste_turn(content, likes((0, 1)), profiles)
    assert np.allclose(taste_turn(content, likes((0, 1), (5, 1)), profiles), one)
    assert not taste_turn(content, likes((5, 1)), profiles * 0).any()
