"""Users of whom little is known: nobody twice, the first ratings known, something left to find."""

from __future__ import annotations

import numpy as np

from trainer.reranker.few import FEW
from trainer.reranker.young import shown, young_users
from trainer.space.matrix import Interactions

USERS, FILMS = 40, 30


def ratings(times: bool) -> Interactions:
    """User u rated u films (at most all), in falling order of their numbers."""
    pairs = [(u, i) for u in range(USERS) for i in range(min(u, FILMS))]
    users, items = np.array(pairs).T
    ids = tuple(map(str, range(USERS))), tuple(map(str, range(FILMS)))
    return Interactions(*ids, users, items, np.full(len(users), 5.0), FILMS - items if times else None)


def test_everybody_is_young_once() -> None:
    masks = np.array(young_users(USERS, np.random.default_rng(0)))
    assert (masks.sum(axis=0) == 1).all()
    assert masks.sum(axis=1).tolist() == [7, 7, 7, 7, 6, 6]


def test_the_first_ratings_of_young_users_are_known_and_one_at_least_is_not() -> None:
    data, young = ratings(times=True), np.arange(USERS) % 2 == 0
    told = shown(data, young, np.random.default_rng(1))
    assert not told[~young[data.users]].any()
    for user in range(2, USERS, 2):
        theirs = data.users == user
        count = told[theirs].sum()
        assert 0 < count < theirs.sum()
        assert count <= FEW or count == theirs.sum() - 1
        assert data.items[theirs & told].min() > data.items[theirs & ~told].max()


def test_without_times_they_are_drawn() -> None:
    data, young = ratings(times=False), np.ones(USERS, dtype=bool)
    first, second = (shown(data, young, np.random.default_rng(seed)) for seed in (1, 2))
    assert (first != second).any()
    assert not (first & ~young[data.users]).any()


def test_how_much_is_known_is_drawn_up_to_the_number_asked_for() -> None:
    data, young = ratings(times=True), np.ones(USERS, dtype=bool)
    known = [
        np.bincount(data.users[shown(data, young, np.random.default_rng(seed), few=20)], minlength=USERS)
        for seed in range(50)
    ]
    full = np.array(known)[:, -5:]
    assert (full.min(), full.max()) == (1, 20)
    # evenly by the logarithm: as many of 1 to 3 as of 5 to 20
    assert abs(int((full <= 3).sum()) - int((full >= 5).sum())) < 60
