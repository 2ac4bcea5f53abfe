"""Digests say which inputs a row was computed from."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streaming.control.documents import MEAN, WEIGHTED
from streaming.documents import VectorDocument
from streaming.space.digest import item_digest, mix, seed, user_digests

Entry = tuple[int, int, int]
ENTRIES = st.lists(
    st.tuples(st.integers(0, 2**64 - 1), st.integers(1, 3), st.integers(-1, 2**40)), max_size=20
)


def digest(*users: list[Entry]) -> list[int]:
    flat = [entry for user in users for entry in user]
    hashes = np.array([e[0] for e in flat], dtype=np.uint64)
    classes = np.array([e[1] for e in flat], dtype=np.uint8)
    revisions = np.array([e[2] for e in flat], dtype=np.int64)
    bounds = np.cumsum([0, *map(len, users)]).astype(np.int64)
    return list(user_digests(mix(hashes, classes, revisions), bounds, seed(MEAN, 8)).tolist())


@given(ENTRIES, ENTRIES, st.randoms())
def test_neither_order_nor_company_changes_a_digest(
    one: list[Entry], other: list[Entry], rng: object
) -> None:
    shuffled = sorted(one, key=lambda _: rng.random())  # type: ignore[attr-defined]
    assert digest(one, other) == [*digest(shuffled), *digest(other)]
    assert digest(other, one) == [*digest(other), *digest(one)]


@given(ENTRIES.filter(bool))
def test_any_change_of_an_input_changes_the_digest(entries: list[Entry]) -> None:
    item, kind, revision = entries[0]
    before = digest(entries)
    assert digest([(item, kind % 3 + 1, revision), *entries[1:]]) != before
    assert digest([(item, kind, revision + 1), *entries[1:]]) != before
    assert digest([(item ^ 1, kind, revision), *entries[1:]]) != before
    assert digest(entries[1:]) != before
    assert digest([*entries, entries[0]]) != before


def test_policy_and_dimension_are_inputs() -> None:
    assert len({seed(MEAN, 8), seed(WEIGHTED, 8), seed(MEAN, 9)}) == 3


def test_an_items_digest_covers_vector_and_metadata() -> None:
    base = VectorDocument(1, b"\0" * 8, "A", 1999, ("Drama",), "", "p@1")
    others = [
        VectorDocument(1, b"\0" * 7 + b"\1", "A", 1999, ("Drama",), "", "p@1"),
        VectorDocument(1, b"\0" * 8, "B", 1999, ("Drama",), "", "p@1"),
        VectorDocument(1, b"\0" * 8, "A", None, ("Drama",), "", "p@1"),
        VectorDocument(1, b"\0" * 8, "A", 1999, (), "", "p@1"),
        VectorDocument(1, b"\0" * 8, "A", 1999, ("Drama",), "x", "p@1"),
    ]
    digests = {item_digest(d) for d in (base, *others)}
    assert len(digests) == 6
    assert all(-(2**63) <= d < 2**63 for d in digests)
