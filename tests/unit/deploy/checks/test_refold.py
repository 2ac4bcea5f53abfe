"""The from-scratch fold against rules written down one by one (DESIGN section 3)."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from deploy.checks.refold import Happening, LogRecord, PartitionFold, fold_user, happening_of
from streaming.documents import MAX_ITEMS, Ratings
from streaming.events import RatingEvent, encode
from streaming.partition import partition_of

PARTITIONS = 12
NOW = 1_800_000_000_000

happenings = st.lists(
    st.builds(
        Happening,
        item_id=st.sampled_from("abc"),
        value=st.one_of(st.none(), st.sampled_from([1.0, 3.5, 5.0])),
        at_ms=st.integers(0, 6),
        barrier_ms=st.one_of(st.none(), st.none(), st.none(), st.integers(0, 6)),
    ),
    max_size=30,
)


def event_by_event(stream: list[Happening]) -> Ratings:
    """The same rules as a running fold: an oracle of another shape."""
    ratings: Ratings = {}
    barrier = -1
    for h in stream:
        if h.barrier_ms is not None:
            ratings, barrier = {}, max(barrier, h.barrier_ms)
        elif h.at_ms > barrier and (h.item_id not in ratings or h.at_ms >= ratings[h.item_id][1]):
            ratings[h.item_id] = (h.value, h.at_ms)
    return ratings


@given(happenings)
def test_equals_a_running_fold(stream: list[Happening]) -> None:
    assert fold_user(stream) == event_by_event(stream)


@given(happenings, st.integers(0, 30))
def test_folding_a_retained_tail_onto_the_document_changes_nothing(stream: list[Happening], cut: int) -> None:
    document = fold_user(stream)
    barrier = max((h.barrier_ms for h in stream[:cut] if h.barrier_ms is not None), default=-1)
    assert fold_user(stream[cut:], document, barrier) == document


def test_newest_event_time_wins_and_ties_go_by_order() -> None:
    stream = [Happening("a", 1.0, 5), Happening("a", 2.0, 4), Happening("a", 3.0, 5)]
    assert fold_user(stream) == {"a": (3.0, 5)}


def test_the_item_over_the_limit_is_left_out_and_take_backs_count() -> None:
    stream = [Happening(str(i), None, i) for i in range(MAX_ITEMS)]
    stream += [Happening("late", 5.0, 1), Happening("0", 4.0, 9)]
    folded = fold_user(stream)
    assert len(folded) == MAX_ITEMS
    assert "late" not in folded
    assert folded["0"] == (4.0, 9)


def record(event: RatingEvent | bytes, partition: int | None = None) -> LogRecord:
    """A record on its user's partition unless told otherwise."""
    value = event if isinstance(event, bytes) else encode(event)
    if partition is None:
        assert isinstance(event, RatingEvent)
        partition = partition_of(event.user_id, PARTITIONS)
    return LogRecord(partition, 0, NOW, value, ())


def rating(value: float | None = 4.0, user: str = "u", **more: object) -> RatingEvent:
    """A valid rating."""
    at = datetime(2020, 1, 1, tzinfo=UTC)
    return msgspec.structs.replace(RatingEvent(user_id=user, item_id="i", value=value, event_time=at), **more)


def test_records_that_break_a_rule_do_not_count() -> None:
    assert happening_of(record(b"{", 0), PARTITIONS) is None
    assert happening_of(record(rating(6.0)), PARTITIONS) is None
    assert happening_of(record(rating(item_id="")), PARTITIONS) is None


def test_a_misplaced_record_does_not_count() -> None:
    wrong = (partition_of("u", PARTITIONS) + 1) % PARTITIONS
    assert happening_of(record(rating(), wrong), PARTITIONS) is None
    assert happening_of(record(rating()), PARTITIONS) is not None


def test_an_erase_holds_off_what_happened_before_it_was_appended() -> None:
    found = happening_of(record(rating(erase=True)), PARTITIONS)
    assert found is not None
    assert found[1].barrier_ms == NOW


def test_differing_names_exactly_the_wrong_documents() -> None:
    partition = partition_of("u", PARTITIONS)
    fold = PartitionFold(partition, PARTITIONS)
    fold.take([record(rating())])
    right = fold.expected("u", None)
    assert right is not None
    assert fold.differing({"u": right}) == []
    assert fold.differing({}) == ["u"]
    assert fold.differing({"u": right, "ghost": {"i": (1.0, 1)}}) == ["ghost"]
    assert fold.differing({"u": {"i": (4.5, right["i"][1])}}) == ["u"]


def test_without_the_whole_log_older_ratings_are_believed_and_newer_ones_must_be_there() -> None:
    fold = PartitionFold(partition_of("u", PARTITIONS), PARTITIONS, whole=False)
    fold.take([record(rating())])
    at = fold.happenings["u"][0].at_ms
    assert fold.differing({"u": {"i": (4.0, at), "old": (1.0, 5)}}) == []
    assert fold.differing({"u": {"old": (1.0, 5)}}) == ["u"]
