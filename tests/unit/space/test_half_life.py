"""A half-life is exact: what projectors compute equals the definition, and no clock enters."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deploy.checks.expected import expected_row
from streaming.control.documents import MEAN, WEIGHTED, Policy
from streaming.documents import Ratings
from streaming.space.arrays import UserPartition, pack, pack_ages
from streaming.space.digest import seed
from streaming.space.matrix import ItemMatrix
from streaming.space.profile import DAY_S, profiles

DIM, ITEMS = 5, 30
values = st.one_of(st.none(), st.sampled_from([0.5, 2.0, 3.0, 3.5, 4.0, 5.0]))
times = st.one_of(st.integers(0, 2 * 10**12), st.integers(1_700_000_000_000, 1_700_000_100_000))
documents = st.lists(
    st.dictionaries(st.integers(0, ITEMS - 1).map("i{}".format), st.tuples(values, times), max_size=15),
    max_size=6,
)
policies = st.builds(
    lambda policy, days: msgspec.structs.replace(policy, half_life_days=days),
    st.sampled_from([MEAN, WEIGHTED]),
    st.sampled_from([1, 30, 3_000]),
)


def computed(users: list[Ratings], vectors: dict[str, np.ndarray], policy: Policy) -> np.ndarray:
    """By the code of projectors: packed documents, as batches of arrays."""
    matrix, partition = ItemMatrix(DIM), UserPartition(0)
    for number, ratings in enumerate(users):
        partition.put(f"u{number}", number, pack(ratings, matrix, policy), pack_ages(ratings, policy))
    batch = partition.batch([f"u{number}" for number in range(len(users))])
    names = sorted(matrix.rows, key=lambda item: matrix.rows[item])
    stacked = np.stack([vectors.get(item, np.zeros(DIM)) for item in names] or [np.zeros(DIM)])
    present = np.array([item in vectors for item in names], dtype=bool)[batch.rows]
    return profiles(
        stacked.astype(np.float32), present, batch.rows, batch.classes, batch.bounds, policy, batch.ages
    )


def some_vectors(number: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(number)
    return {
        f"i{n}": (draw.normal(size=DIM) * draw.lognormal(0, 2)).astype(np.float32).astype(np.float64)
        for n in range(ITEMS)
        if draw.random() < 0.8
    }


@given(documents, policies, st.integers(0, 2**32 - 1))
def test_projectors_and_the_check_agree(users: list[Ratings], policy: Policy, number: int) -> None:
    vectors = some_vectors(number)
    got = computed(users, vectors, policy)
    for row, ratings in zip(got, users, strict=True):
        want = expected_row(ratings, vectors, DIM, policy)
        assert want.error(row.astype(np.float64)) <= 1e-5


@given(documents, policies, st.integers(-(10**8), 10**8))
def test_time_that_goes_by_changes_nothing(users: list[Ratings], policy: Policy, seconds: int) -> None:
    vectors = some_vectors(1)
    later = [{i: (v, at + 1000 * seconds) for i, (v, at) in user.items()} for user in users]
    assert computed(users, vectors, policy).tolist() == computed(later, vectors, policy).tolist()


def test_one_half_life_older_weighs_half() -> None:
    vectors = {"i0": np.eye(DIM)[0], "i1": np.eye(DIM)[1]}
    ratings: Ratings = {"i0": (5.0, 30 * DAY_S * 1000), "i1": (4.0, 0), "gone": (None, 10**12)}
    policy = msgspec.structs.replace(MEAN, half_life_days=30)
    assert np.allclose(computed([ratings], vectors, policy)[0][:2], [2 / 3, 1 / 3])
    assert np.allclose(computed([ratings], vectors, MEAN)[0][:2], [1 / 2, 1 / 2])
    assert np.allclose(expected_row(ratings, vectors, DIM, policy).vector[:2], [2 / 3, 1 / 3])


def test_policies_are_told_apart_by_name_and_digest() -> None:
    aging = msgspec.structs.replace(WEIGHTED, half_life_days=90)
    assert (MEAN.label, WEIGHTED.label, aging.label) == ("mean", "weighted", "weighted-90d")
    assert len({seed(MEAN, 8), seed(WEIGHTED, 8), seed(aging, 8)}) == 3
    old = {name: value for name, value in msgspec.to_builtins(MEAN).items() if name != "half_life_days"}
    from streaming.space.digest import _short_hash

    assert seed(MEAN, 8) == _short_hash(msgspec.json.encode((old, 8))), "rows of older versions stay right"
