"""Matrix, user arrays and shared state against plain dictionaries, over any interleaving of records."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from streaming.control.documents import Change, SpaceDocument
from streaming.documents import VectorDocument
from streaming.milvus.seen import DISLIKED, LIKED, NEUTRAL, decode_seen, item_hash
from streaming.space import inverted
from streaming.space.exceptions import InvalidVectorError
from streaming.space.matrix import ItemMatrix
from streaming.space.state import SpaceState

DIM = 3
ITEMS = st.sampled_from([f"i{n}" for n in range(8)])
USERS = st.sampled_from([f"u{n}" for n in range(6)])
VALUES = st.sampled_from([None, 1.0, 3.0, 4.0, 5.0])
SPACE = SpaceDocument(
    space="s",
    package="p",
    version="1",
    dim=DIM,
    change=Change(revision=1, nonce="", operator="", reason="", at_ms=0),
)


def document(vector: list[float], title: str = "T") -> VectorDocument:
    return VectorDocument(1, np.array(vector, dtype="<f4").tobytes(), title, 2000, (), "", "p@1")


class Machine(RuleBasedStateMachine):
    """Rows written for dirty keys alone must keep a copy of Milvus equal to what is computed from scratch."""

    def __init__(self) -> None:
        super().__init__()
        self.state = SpaceState(SPACE, "w", 6.0)
        self.state.vectors_loaded = True
        self.state.own_items(0)
        self.state.own_users(0)
        self.state.users_loaded(0)
        self.vectors: dict[str, list[float]] = {}
        self.users: dict[str, dict[str, float | None]] = {}
        self.milvus_users: dict[str, object] = {}
        self.milvus_items: dict[str, object] = {}
        self.offset = 0

    def next_offset(self) -> int:
        self.offset += 1
        return self.offset

    @rule(item=ITEMS, vector=st.lists(st.integers(-9, 9).map(float), min_size=DIM, max_size=DIM))
    def put_item(self, item: str, vector: list[float]) -> None:
        self.vectors[item] = vector
        assert not self.state.put_vectors([(item, 0, self.next_offset(), document(vector))])

    @rule(items=st.lists(ITEMS, max_size=3))
    def remove_items(self, items: list[str]) -> None:
        for item in items:
            self.vectors.pop(item, None)
        self.state.put_vectors([(item, 0, self.next_offset(), None) for item in items])

    @rule(user=USERS, ratings=st.dictionaries(ITEMS, VALUES, max_size=6))
    def put_user(self, user: str, ratings: dict[str, float | None]) -> None:
        self.users[user] = ratings
        self.state.put_user(0, user, self.next_offset(), {i: (v, 0) for i, v in ratings.items()})

    @rule(user=USERS)
    def remove_user(self, user: str) -> None:
        self.users.pop(user, None)
        self.state.put_user(0, user, self.next_offset(), None)

    @rule()
    def compact(self) -> None:
        with self.state.lock:
            self.state.users[0].build_index()

    @rule(limit=st.integers(1, 5), works=st.booleans())
    def write(self, limit: int, works: bool) -> None:
        rows, gone = self.state.take_users(limit)
        items, no_items = self.state.take_items(limit)
        if works:
            self.milvus_users.update({row.user_id: row for row in rows})
            self.milvus_items.update({row.item_id: row for row in items})
            for user in gone:
                self.milvus_users.pop(user, None)
            for item in no_items:
                self.milvus_items.pop(item, None)
        for kind in ("users", "items"):
            self.state.finish(kind, works)  # type: ignore[arg-type]

    def teardown(self) -> None:
        while self.state.dirty["users"] or self.state.dirty["items"]:
            self.write(100, works=True)
        assert self.milvus_users.keys() == self.users.keys()
        assert self.milvus_items.keys() == self.vectors.keys()
        for user, ratings in self.users.items():
            row = self.milvus_users[user]
            rated = {i: v for i, v in ratings.items() if v is not None}
            liked = [self.vectors[i] for i, v in rated.items() if v >= 4 and i in self.vectors]
            want = np.mean(liked, axis=0) if liked else np.zeros(DIM)
            assert np.allclose(row.vector, want, atol=1e-5)  # type: ignore[attr-defined]
            hashes, classes = decode_seen(row.seen)  # type: ignore[attr-defined]
            kinds = {i: LIKED if v >= 4 else NEUTRAL if v >= 3 else DISLIKED for i, v in rated.items()}
            assert dict(zip(hashes.tolist(), classes.tolist(), strict=True)) == {
                item_hash(i): kind for i, kind in kinds.items()
            }
            assert row.n_rated == len(rated)  # type: ignore[attr-defined]
        self.what_was_written_is_what_the_reconciler_expects()

    def what_was_written_is_what_the_reconciler_expects(self) -> None:
        for kind, rows in (("users", self.milvus_users), ("items", self.milvus_items)):
            expected = self.state.expected(kind, 0, self.state.ids(kind, 0))  # type: ignore[arg-type]
            says = {i: (row.revision, row.digest) for i, row in rows.items()}  # type: ignore[attr-defined]
            assert says == expected


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_nothing_is_written_for_a_partition_before_it_is_loaded() -> None:
    state = SpaceState(SPACE, "w", 6.0)
    state.own_users(0)
    state.put_user(0, "u", 1, {"i": (5.0, 0)})
    assert not state.dirty["users"]
    assert state.owned("users") == []
    state.users_loaded(0)
    assert state.owned("users") == [], "vectors are not loaded yet"
    state.vectors_loaded = True
    assert state.owned("users") == [0]


def test_a_partition_that_left_is_not_written_any_more() -> None:
    state = SpaceState(SPACE, "w", 6.0)
    state.vectors_loaded = True
    for part in (0, 1):
        state.own_users(part)
        state.users_loaded(part)
        state.put_user(part, f"u{part}", 1, {"i": (5.0, 0)})
    rows, _ = state.take_users(1)
    assert [row.user_id for row in rows] == ["u0"]
    state.disown("users", 0, wait_s=0.01)
    state.finish("users", written=False)
    assert [row.user_id for row in state.take_users(10)[0]] == ["u1"]


def test_an_old_poll_is_not_believed() -> None:
    state = SpaceState(SPACE, "w", session_s=0.0)
    assert not state.fresh("users")
    state = SpaceState(SPACE, "w", session_s=60.0)
    assert not state.fresh("users")
    state.polled("users")
    assert state.fresh("users")
    assert not state.fresh("items")


@pytest.mark.parametrize("vector", [[1.0, 2.0], [1.0, 2.0, float("nan")], [1.0, 2.0, float("inf")]])
def test_a_vector_that_is_none_changes_nothing(vector: list[float]) -> None:
    matrix = ItemMatrix(DIM)
    matrix.put("i", 0, 1, document([1, 2, 3]))
    with pytest.raises(InvalidVectorError):
        matrix.put("i", 0, 2, document(vector))
    assert matrix.vectors[0].tolist() == [1, 2, 3]
    assert matrix.revisions[0] == 1


def test_the_matrix_grows_and_keeps_rows() -> None:
    matrix = ItemMatrix(DIM, capacity=2)
    for n in range(9):
        assert matrix.put(f"i{n}", n % 2, n, document([n, n, n])) == n
    assert matrix.vectors[8].tolist() == [8, 8, 8]
    assert matrix.of_partition(1).tolist() == [1, 3, 5, 7]
    assert matrix.remove("i3") == 3
    assert matrix.remove("i3") is None
    assert matrix.count == 8


def test_the_index_is_built_anew_when_crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inverted, "SMALL", 10)
    state = SpaceState(SPACE, "w", 6.0)
    state.vectors_loaded = True
    state.own_users(0)
    state.users_loaded(0)
    for n in range(50):
        state.put_user(0, f"u{n}", n, {f"i{n % 7}": (5.0, 0), "all": (4.0, 0)})
    while state.dirty["users"]:
        state.take_users(100)
        state.finish("users", written=True)
    state.put_vectors([("all", 0, 1, document([1, 1, 1]))])
    assert len(state.dirty["users"]) == 50
