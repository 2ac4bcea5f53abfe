"""The mathematics of the space, against other code and against what it promises."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge as SklearnRidge

from trainer.data import Ratings
from trainer.space.collaborative import count_weights, item_vectors, top_eigenpairs
from trainer.space.content import fit_ridge
from trainer.space.matrix import interactions


def random_matrix(users: int, items: int, seed: int = 0) -> sp.csr_matrix:
    return sp.random(users, items, density=0.3, random_state=seed, format="csr")


def ratings(*rows: tuple[str, str, float, int]) -> Ratings:
    users, items, values, times = zip(*rows, strict=True)
    return Ratings(
        np.array(users, dtype=object),
        np.array(items, dtype=object),
        np.array(values, dtype=np.float64),
        np.array(times, dtype=np.int64),
    )


@pytest.mark.parametrize("shape", [(60, 20), (20, 60)], ids=["tall", "wide"])
def test_vectors_reproduce_the_shrunk_gram_matrix(shape: tuple[int, int]) -> None:
    y = random_matrix(*shape)
    w, v = top_eigenpairs(y, 256)
    a = item_vectors(w, v, 5.0, 256)
    assert a.shape == (shape[1], 256)
    gram = (y.T @ y).toarray()
    want = gram @ np.linalg.inv(gram + 5.0 * np.eye(shape[1]))
    assert np.allclose(a @ a.T, want, atol=1e-9)


def test_few_eigenpairs_are_the_largest() -> None:
    y = random_matrix(50, 30)
    w, v = top_eigenpairs(y, 4)
    assert np.allclose(w, np.sort(np.linalg.eigvalsh((y.T @ y).toarray()))[::-1][:4])
    assert np.allclose((y.T @ y) @ v, v * w)


def test_lanczos_agrees_with_the_dense_way(monkeypatch: pytest.MonkeyPatch) -> None:
    y = random_matrix(50, 30)
    w, v = top_eigenpairs(y, 5)
    monkeypatch.setattr("trainer.space.collaborative.DENSE_LIMIT", 1)
    w_2, v_2 = top_eigenpairs(y, 5)
    assert np.allclose(w, w_2)
    assert np.allclose(v, v_2, atol=1e-6)


def test_an_item_nobody_rated_has_no_vector() -> None:
    y = random_matrix(20, 8).tolil()
    y[:, 3] = 0
    w, v = top_eigenpairs(y.tocsr(), 8)
    assert np.abs(item_vectors(w, v, 1.0, 8)[3]).max() < 1e-12


def test_ridge_agrees_with_sklearn() -> None:
    rng = np.random.default_rng(0)
    x, y, s = rng.normal(size=(40, 6)), rng.normal(size=(40, 3)), rng.random(40)
    ours, theirs = fit_ridge(x, y, s, 2.5), SklearnRidge(alpha=2.5).fit(x, y, sample_weight=s)
    assert np.allclose(ours.predict(x), theirs.predict(x))
    assert np.allclose(ours.weights, theirs.coef_.T)


def test_what_training_never_saw_weighs_nothing() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    x[:, 2] = 0
    assert not fit_ridge(x, rng.normal(size=(30, 2)), np.ones(30), 1.0).weights[2].any()


@given(st.integers(0, 10_000), st.floats(0, 100))
def test_weights_grow_with_ratings_and_stay_shares(count: int, half: float) -> None:
    first, second = count_weights(np.array([count, count + 1]), half)
    assert 0 <= first <= second <= 1
    assert count > 0 or first == 0


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from("xyz"),
        st.sampled_from([0.5, 3.0, 4.0, 5.0]),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=60)
@given(ROWS)
def test_the_newest_rating_of_a_cell_counts(rows: list[tuple[str, str, float, int]]) -> None:
    want: dict[tuple[str, str], tuple[int, float]] = {}
    for user, item, value, at in rows:
        if (user, item) not in want or at >= want[user, item][0]:
            want[user, item] = (at, value)
    fold = interactions(ratings(*rows))
    got = {
        (fold.user_ids[u], fold.item_ids[i]): v
        for u, i, v in zip(fold.users, fold.items, fold.values, strict=True)
    }
    assert got == {cell: value for cell, (_, value) in want.items()}
    matrix = fold.matrix(4.0, 0.5).toarray()
    for (user, item), value in got.items():
        cell = matrix[fold.user_ids.index(user), fold.item_ids.index(item)]
        assert cell == (1.0 if value >= 4 else 0.5)


def test_given_ids_fix_rows_and_columns_and_leave_out_others() -> None:
    fold = interactions(ratings(("a", "x", 5, 1), ("b", "q", 5, 1), ("z", "x", 5, 1)), ["y", "x"], ["b", "a"])
    assert fold.shape == (2, 2)
    assert list(zip(fold.users, fold.items, strict=True)) == [(1, 1)]
