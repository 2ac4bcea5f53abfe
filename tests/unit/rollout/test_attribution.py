"""What became of answers counts once, for the space that gave them, with intervals that respect users."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.cli.kpi import left_out
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


def test_what_never_happened_may_still_happen() -> None:
    """No event in 1,948 answers to 200 users is no rate of exactly 0: the rule of three over users."""
    never = {str(n): (0, 10 if n % 2 else 9) for n in range(200)}
    found = clustered(never, 0.05)
    assert (found.estimate, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 200), rel=0.02)
    assert clustered(never, 0.1).high == pytest.approx(3 / 200, rel=0.03)
    always = clustered({user: (given, given) for user, (_, given) in never.items()}, 0.05)
    assert (always.estimate, always.high) == (1.0, 1.0)
    assert always.low == pytest.approx(1 - found.high)
    # one who asked for nearly all of them is nearly the only one who was asked
    assert clustered({"much": (0, 1_000), "a": (0, 1), "b": (0, 1)}, 0.05).high > 0.9


def test_the_bound_of_what_never_happened_holds() -> None:
    """Also where whoever does it at all does it always: the true rate is outside as rarely as is said."""
    rng = np.random.default_rng(run_seed())
    for truth in (0.01, 0.03):
        runs, users = 1_000, 100
        wrong = 0
        for likes in rng.binomial(1, truth, (runs, users)):
            found = clustered({str(n): (5 * int(one), 5) for n, one in enumerate(likes)}, 0.05)
            wrong += found.estimate == 0.0 and found.high < truth
        assert wrong / runs <= 0.025 + 4 * math.sqrt(0.025 * 0.975 / runs)


def test_a_difference_from_what_never_happened_is_open_on_its_side() -> None:
    joined = Joined()
    for n in range(120):
        joined.served(answer(n, "old" if n % 2 else "new", f"u{n}"))
        if n % 4 == 1:
            joined.happened(event(n, "a"))
    (gap,) = [row for row in differences(joined, "old") if row.kind == "like"]
    of = {row.space: row for row in kpis(joined) if row.kind == "like"}
    assert (of["new"].estimate, gap.estimate) == (0.0, -0.5)
    assert gap.low == pytest.approx(-of["old"].high)
    assert gap.high == pytest.approx(-0.5 + math.hypot(of["new"].high, 0.5 - of["old"].low))


@pytest.mark.parametrize(
    ("unmatched", "unreadable", "said"),
    [
        (1, 1, "1 event belongs to no answer, 1 record could not be read"),
        (0, 0, "0 events belong to no answer, 0 records could not be read"),
        (1_948, 2, "1,948 events belong to no answer, 2 records could not be read"),
    ],
)
def test_what_is_left_out_is_said_in_words(unmatched: int, unreadable: int, said: str) -> None:
    assert left_out(unmatched, unreadable) == said


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
