"""The fold against the oracle, over arbitrary logs, batches, aborts and crashes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.documents import decode_counts
from streaming.ledger import fold as fold_module
from tests.unit.ledger.oracle import expect, java_partition
from tests.unit.ledger.records import KEY, PARTITIONS, Log, MemoryLedger

NOW = "2026-05-28T2{}:26:40.{:03}Z"
"""Around the append times of the log, so that erasures cut between events."""

users = st.sampled_from([*"abcde", "ü", "x" * 64])
times = st.one_of(
    st.builds(NOW.format, st.integers(0, 1), st.integers(0, 60)),
    st.builds("2025-01-0{}T00:00:00.000{}00Z".format, st.integers(1, 9), st.integers(0, 9)),
    st.just("1999-01-01T00:00:00+02:00"),
)
ratings = st.fixed_dictionaries(
    {
        "user_id": users,
        "item_id": st.sampled_from(["i1", "i2", "i3", "ml:4", "é"]),
        "value": st.sampled_from([None, 0.5, 3, 3.999, 4, 4.5, 5, 0.1]),
        "event_time": times,
    }
)
erases = st.fixed_dictionaries({"user_id": users, "erase": st.just(True), "event_time": times})
events = st.one_of(ratings, ratings, ratings, ratings, erases, st.binary(max_size=5), st.none())
logs = st.lists(st.tuples(events, st.integers(0, 9)), max_size=60)
steps = st.lists(
    st.tuples(
        st.lists(st.integers(0, 8), min_size=PARTITIONS, max_size=PARTITIONS),
        st.sampled_from(["commit", "commit", "commit", "abort", "crash", "take over", "trim"]),
    ),
    max_size=25,
)


def build(entries: list[tuple[Any, int]]) -> Log:
    """A log; one record in ten lies where it does not belong."""
    log = Log()
    for event, chance in entries:
        if isinstance(event, dict):
            home = java_partition(event["user_id"], PARTITIONS)
            value = json.dumps(event).encode()
            log.append(value, (home + (chance == 0)) % PARTITIONS, event["user_id"].encode())
        else:
            log.append(event, chance % PARTITIONS, b"k")
    return log


@given(logs, steps)
@settings(max_examples=300)
def test_documents_erasures_dead_letters_and_counts_are_those_of_the_oracle(
    entries: list[tuple[Any, int]], plan: list[tuple[list[int], str]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_module, "MAX_ITEMS", 4)
        ledger = MemoryLedger(build(entries), thresholds=(3.5, 4.0))
        for sizes, end in plan:
            changes = ledger.batch(sizes)
            if end == "commit":
                ledger.commit(changes)
            elif end == "crash":
                ledger.crash()
            elif end == "take over":
                ledger.fold.forget(changes)
                ledger.take_over(sizes[0] % PARTITIONS)
            else:
                ledger.fold.forget(changes)
            if end == "trim":
                ledger.fold.trim(0)
        ledger.run()
        check(ledger)


def check(ledger: MemoryLedger) -> None:
    expected = expect(ledger.log.all(), PARTITIONS, KEY, max_items=4)
    assert ledger.documents() == expected.users
    assert {h: c for erased in ledger.erased for h, c in erased.items()} == expected.erased
    assert sorted(place[:2] for place in ledger.dead) == sorted(expected.dead)
    for threshold in ledger.thresholds:
        totals: dict[tuple[str, int], int] = {}
        for counts in ledger.counts:
            for bucket in range(256):
                value = counts.value(threshold, bucket)
                for item, weeks in decode_counts(value or b"\x80").items():
                    for week, likes in weeks:
                        totals[item, week] = totals.get((item, week), 0) + likes
        assert totals == expected.likes(threshold)


@given(st.lists(st.tuples(events, st.integers(0, 9)), max_size=40), st.randoms())
def test_batch_boundaries_do_not_matter(entries: list[tuple[Any, int]], random: Any) -> None:
    whole = MemoryLedger(build(entries))
    whole.run()
    parts = MemoryLedger(build(entries))
    for _ in range(200):
        parts.commit(parts.batch([random.randrange(4) for _ in range(PARTITIONS)]))
    parts.run()
    # forwards arrive in another order among themselves, so only users without one are compared
    moved = {json.loads(e.value)["user_id"] for e in whole.log.all() if e.value and dict(e.headers)}
    same = [
        {user: ratings for user, ratings in ledger.documents().items() if user not in moved}
        for ledger in (whole, parts)
    ]
    assert same[0] == same[1]
