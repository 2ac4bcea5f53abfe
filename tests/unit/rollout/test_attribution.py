"""What became of answers counts once, for the space that gave them, with intervals that respect users."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.rollout.attribution import Joined, ServedRecord, clustered, differences, kpis
from streaming.events import InvalidEventError
from streaming.events.feedback import Feedback, FeedbackKind, check_feedback
from tests.support import run_seed

NOW = 1_700_000_000_000


def answer(number: int, space: str, user: str = "u", items: str = "abc") -> ServedRecord:
    return ServedRecord(f"r{number}", user, space, tuple(items))


def event(number: int, item: str, kind: FeedbackKind = "like") -> Feedback:
    return Feedback(f"r{number}", item, kind)


RECORDS = [
    answer(0, "old", "u"),
    answer(1, "new", "v"),
    answer(2, "new", "w"),
    event(0, "a", "impression"),
    event(1, "a"),
    event(1, "a"),  # sent again
    event(1, "b"),
    event(2, "z"),  # was not in the answer
    event(9, "a"),  # no such answer
]


@given(order=st.permutations(range(len(RECORDS))))
def test_the_order_of_records_does_not_matter(order: list[int]) -> None:
    joined = Joined()
    for place in order:
        record = RECORDS[place]
        joined.served(record) if isinstance(record, ServedRecord) else joined.happened(record)
    found = {(row.space, row.kind): (row.users, row.answers, row.estimate) for row in kpis(joined)}
    assert found["old", "like"] == (1, 1, 0.0)
    assert found["old", "impression"] == (1, 1, 1.0)
    assert found["new", "like"] == (2, 2, 0.5)
    assert (joined.having("new", "like"), joined.answers("new")) == (1, 2)
    assert joined.unmatched() == 2
    (gap,) = [row for row in differences(joined, "old") if row.kind == "like"]
    assert (gap.space, gap.estimate) == ("new", 0.5)


def test_few_who_like_everything_are_not_many() -> None:
    """Answers of one user are alike: an interval that takes them for independent misses far too often."""
    rng = np.random.default_rng(run_seed())
    truth, wrong, naive = 0.3, 0, 0
    runs, users, each = 400, 60, 20
    for _ in range(runs):
        taste = rng.beta(0.6, 1.4, users)
        had = rng.binomial(each, taste)
        found = clustered({str(n): (int(h), each) for n, h in enumerate(had)}, 0.05)
        wrong += not found.low <= truth <= found.high
        half = 1.96 * math.sqrt(found.estimate * (1 - found.estimate) / (users * each))
        naive += not found.estimate - half <= truth <= found.estimate + half
    assert wrong / runs <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs)
    assert naive / runs > 0.15


def test_one_user_says_nothing_of_others() -> None:
    found = clustered({"u": (1, 4)}, 0.05)
    assert (found.estimate, found.low, found.high) == (0.25, -math.inf, math.inf)
    assert math.isnan(clustered({}, 0.05).estimate)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (Feedback("", "a", "like"), "recommendation_id"),
        (Feedback("r", "x" * 65, "like"), "item_id"),
    ],
)
def test_bad_events_are_refused_by_field(event: Feedback, field: str) -> None:
    with pytest.raises(InvalidEventError) as refused:
        check_feedback(event, NOW)
    assert refused.value.field == field


def test_spaces_are_listed_once() -> None:
    joined = Joined()
    for number, space in enumerate(itertools.islice(itertools.cycle("ba"), 6)):
        joined.served(answer(number, space))
    assert joined.spaces() == ["a", "b"]
