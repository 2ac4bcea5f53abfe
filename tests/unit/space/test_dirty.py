"""Dirty rows: coalesced, live first, none forgotten, and known to who compares."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streaming.space.dirty import SETTLE_S, DirtyRows

IDS = st.sampled_from("abcdef")


class Clock:
    """Time that moves when told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Machine(RuleBasedStateMachine):
    """Every mark since a row was last taken leads to a write, whatever comes between."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = DirtyRows(Clock())
        self.pending: set[str] = set()
        self.taken: set[str] = set()

    @rule(row=IDS, live=st.booleans())
    def mark(self, row: str, live: bool) -> None:
        self.rows.mark(row, 0, live)
        self.pending.add(row)

    @rule(limit=st.integers(1, 4))
    def take(self, limit: int) -> None:
        if self.taken:
            return
        live_before = set(self.rows.live)
        self.taken = set(self.rows.take(limit))
        assert len(self.taken) == min(limit, len(self.pending))
        assert len(self.taken & live_before) == min(limit, len(live_before))
        self.pending -= self.taken

    @rule()
    def land(self) -> None:
        self.rows.landed()
        self.taken = set()

    @rule()
    def fail(self) -> None:
        self.rows.failed()
        self.pending |= self.taken
        self.taken = set()

    @invariant()
    def nothing_is_forgotten(self) -> None:
        assert {*self.rows.live, *self.rows.behind} == self.pending
        assert not self.rows.live.keys() & self.rows.behind.keys()
        assert set(self.rows.flying) == self.taken
        assert len(self.rows) == len(self.pending)


TestMachine = Machine.TestCase


def test_a_partition_that_goes_takes_its_rows_along() -> None:
    rows = DirtyRows()
    rows.mark("a", 1, live=True)
    rows.mark("b", 2, live=False)
    rows.mark("c", 1, live=False)
    rows.take(1)
    rows.drop(1)
    rows.failed()
    assert {**rows.live, **rows.behind} == {"b": 2}


def test_who_compares_hears_of_everything_that_may_be_on_its_way() -> None:
    clock = Clock()
    rows = DirtyRows(clock)
    rows.mark("written", 0, live=True)
    rows.take(1)
    rows.landed()
    rows.mark("flying", 0, live=True)
    rows.take(1)
    rows.mark("behind", 0, live=False)
    rows.watch()
    rows.mark("meanwhile", 0, live=True)
    assert rows.unwatch() == {"written", "flying", "behind", "meanwhile"}


def test_what_was_written_long_ago_is_compared_again() -> None:
    clock = Clock()
    rows = DirtyRows(clock)
    rows.mark("a", 0, live=True)
    rows.take(1)
    rows.landed()
    rows.watch()
    assert rows.unwatch() == {"a"}
    clock.now += 2.5 * SETTLE_S
    rows.watch()
    assert rows.unwatch() == set()


def test_a_new_collection_holds_nothing_of_what_was_written() -> None:
    rows = DirtyRows()
    rows.mark("a", 0, live=True)
    rows.take(1)
    rows.landed()
    rows.forget_written()
    rows.watch()
    assert rows.unwatch() == set()
