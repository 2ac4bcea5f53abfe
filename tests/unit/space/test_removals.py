"""When films are compared with vectors: the pure parts, over any course of a partition's life."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.space.removals import Behind, doubtful

LIMIT_MS = 100


def test_a_partition_is_doubtful_where_something_old_may_follow() -> None:
    ends = dict.fromkeys(range(5), 10)
    # records from 6 on are young; -1: none is; 4 has none at all left to read
    young = {0: 6, 1: 6, 2: -1, 3: -1, 4: -1}
    assert doubtful({0: 5, 1: 6, 2: 9, 3: 10, 4: 10}, young, ends) == [0, 2]


@given(
    st.lists(st.integers(0, 1_000), min_size=1, max_size=20).map(sorted),
    st.integers(0, 1_000),
    st.integers(0, 25),
)
def test_doubtful_is_whether_an_old_record_lies_at_or_after_the_start(
    appended: list[int], since_ms: int, start: int
) -> None:
    """Tombstones lie between: they count by what is around them, even where nothing of it is left."""
    start = min(start, len(appended))
    young = next((offset for offset, at in enumerate(appended) if at >= since_ms), -1)
    want = any(at < since_ms for at in appended[start:])
    assert doubtful({0: start}, {0: young}, {0: len(appended)}) == ([0] if want else [])


def test_what_is_read_in_time_is_never_looked_at() -> None:
    behind = Behind(LIMIT_MS)
    assert behind.taken(0, 5, 1_000, 1_050, 1_100) == {}
    assert behind.caught_up() == {}


def test_arrears_are_looked_at_once_when_they_are_over() -> None:
    behind = Behind(LIMIT_MS)
    assert behind.taken(0, 5, 0, 10, 1_000) == {}
    assert behind.taken(0, 8, 20, 30, 1_010) == {}
    # the first young record ends them; where they began counts
    assert behind.taken(0, 11, 40, 1_000, 1_020) == {0: 5}
    assert behind.taken(0, 15, 1_010, 1_020, 1_030) == {}
    assert behind.caught_up() == {}


def test_arrears_without_a_young_record_end_when_nothing_is_left() -> None:
    behind = Behind(LIMIT_MS)
    behind.taken(0, 5, 0, 10, 1_000)
    behind.taken(1, 7, 0, 10, 1_000)
    behind.forget(1)
    assert behind.caught_up() == {0: 5}
    assert behind.caught_up() == {}


BATCHES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 300), st.integers(0, 60)), max_size=30)


@given(BATCHES)
def test_no_batch_that_came_too_late_is_forgotten(batches: list[tuple[int, int, int]]) -> None:
    """(partition, age of the first record, milliseconds to the next batch); each is looked at once."""
    behind, now_ms = Behind(LIMIT_MS), 10_000
    late: dict[int, int] = {}
    for offset, (partition, age_ms, passed) in enumerate(batches):
        now_ms += passed
        looked = behind.taken(partition, offset, now_ms - age_ms, now_ms - age_ms // 2, now_ms)
        if age_ms > LIMIT_MS:
            late.setdefault(partition, offset)
        if age_ms // 2 <= LIMIT_MS and partition in late:
            assert looked == {partition: late.pop(partition)}
        else:
            assert looked == {}
    assert behind.caught_up() == late
