"""What stands in Y beside ratings, and what it does to the vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trainer.data import Ratings
from trainer.space.collaborative import item_vectors, top_eigenpairs
from trainer.space.content import FilmFeatures
from trainer.space.matrix import Interactions, interactions
from trainer.space.options import SpaceOptions
from trainer.space.targets import Targets
from trainer.space.tuning import choose_targets, tune

USERS, FILMS, GENRES = 60, 80, 4
GENRE = np.arange(FILMS) % GENRES
SIDE = np.eye(GENRES)[GENRE] * 3.0


def tastes(share: float, likes_of: np.ndarray, seed: int = 0) -> Interactions:
    """Everybody has rated a share of all films, and likes those of ``likes_of``, one genre each user."""
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((USERS, FILMS)) < share)
    values = np.where(likes_of[items] == users % GENRES, 5.0, 2.0)
    table = Ratings(
        np.array([f"u{user:03}" for user in users], dtype=object),
        np.array([f"i{item:03}" for item in items], dtype=object),
        values,
        np.zeros(len(users), dtype=np.int64),
    )
    return interactions(table, [f"i{item:03}" for item in range(FILMS)])


def test_without_both_numbers_y_is_made_of_ratings_alone() -> None:
    data = tastes(0.2, GENRE)
    plain = Targets(dim=8, regularisation=20.0)
    assert (plain.matrix(data, SIDE) != data.matrix(4.0, 0.5)).nnz == 0
    want = item_vectors(*top_eigenpairs(data.matrix(4.0, 0.5), 8), 20.0, 8)
    np.testing.assert_allclose(plain.vectors(data), want)


def test_the_highest_rating_may_count_more_than_other_likes() -> None:
    data = replace(tastes(0.2, GENRE), values=np.resize([5.0, 4.0, 3.0], len(tastes(0.2, GENRE).values)))
    y = Targets(top_weight=1.25).matrix(data)
    cells = np.asarray(y[data.users, data.items]).ravel()
    assert cells.tolist() == np.resize([1.25, 1.0, 0.5], len(cells)).tolist()
    # what is not even liked is not raised
    assert Targets(top_weight=1.25, like_threshold=5.5).matrix(data).max() == 0.5


def test_rows_of_busy_users_become_shorter_and_the_mean_one_stays() -> None:
    data = tastes(0.2, GENRE)
    lengths = np.sqrt(data.matrix(4.0, 0.5).power(2).sum(axis=1)).A1
    for power in (0.4, 1.0):
        got = np.sqrt(Targets(activity_power=power).matrix(data).power(2).sum(axis=1)).A1
        np.testing.assert_allclose(got, lengths * (lengths / lengths.mean()) ** -power)
    # no row of nothing but zeros divides by zero
    alone = data.take(data.users == 0)
    assert np.isfinite(Targets(activity_power=1.0).matrix(alone).data).all()


def test_a_catalogue_entry_counts_its_weight_however_much_it_says() -> None:
    data = tastes(0.2, GENRE)
    y = Targets(side_weight=4.0).matrix(data, np.vstack([SIDE[:-1], np.zeros(GENRES)]))
    assert y.shape == (USERS + GENRES, FILMS)
    entries = y[USERS:].toarray()
    np.testing.assert_allclose(np.linalg.norm(entries, axis=0)[:-1], 4.0)
    assert not entries[:, -1].any()


def test_films_of_a_genre_come_together_also_where_nobody_rated_both() -> None:
    data = tastes(0.02, GENRE)
    unrated = np.flatnonzero(data.counts() == 0)
    pair = next([a, b] for a in unrated for b in unrated if a < b and GENRE[a] == GENRE[b])
    plain = Targets(dim=16, regularisation=5.0)
    assert np.abs(plain.vectors(data, SIDE)[pair]).max() < 1e-9
    vectors = Targets(dim=16, regularisation=5.0, side_weight=4.0).vectors(data, SIDE)
    alike = vectors[pair[0]] @ vectors.T
    same = GENRE[pair[0]] == GENRE
    assert alike[pair[1]] > 0.05
    assert alike[same].mean() > 10 * alike[~same].mean()


@pytest.mark.parametrize("follows", [True, False], ids=["genres tell", "genres mislead"])
def test_what_the_catalogue_counts_is_chosen_by_held_out_ratings(follows: bool) -> None:
    shuffled = np.random.default_rng(7).permutation(GENRE)
    data = tastes(0.2, GENRE if follows else shuffled)
    options = SpaceOptions(dim=8, neutral_weight=0.5, activity_power=0.0, validation_share=0.3)
    assert (choose_targets(data, SIDE, options).side_weight > 0) is follows


def test_numbers_that_are_given_are_kept() -> None:
    data = tastes(0.2, GENRE)
    given = {"dim": 8, "regularisation": 33.0, "neutral_weight": 0.3, "like_threshold": 3.5}
    given |= {"top_weight": 1.1, "activity_power": 0.2, "side_weight": 1.5, "half_count": 2.5, "penalty": 7.0}
    choice = tune(data, FilmFeatures(SIDE, SIDE), SpaceOptions(**given)).choice
    assert {name: getattr(choice, name) for name in given} == given
