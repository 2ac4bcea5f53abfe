"""Intervals that hold at every look: held against simulations, and against intervals that do not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.rollout.gates.sequential import FEWEST, FEWEST_USERS, Interval, by_users, mean, proportion
from tests.support import run_seed

ALPHA = 0.05
RUNS, TRIALS = 400, 2_000
LOOKS = np.unique(np.geomspace(10, TRIALS, 60).astype(int))


def ever_wrong(intervals: list[list[Interval]], truth: float) -> float:
    """Share of runs in which some look excluded the truth."""
    return sum(any(not i.low <= truth <= i.high for i in run) for run in intervals) / len(intervals)


def limit() -> float:
    """Alpha, and three standard errors of this many runs."""
    return ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)


@pytest.mark.parametrize("truth", [0.01, 0.3])
def test_a_proportion_is_inside_at_every_look(truth: float) -> None:
    draws = np.random.default_rng(run_seed()).random((RUNS, TRIALS)) < truth
    counts = draws.cumsum(axis=1)
    runs = [[proportion(float(row[n - 1]), float(n), ALPHA) for n in LOOKS] for row in counts]
    assert ever_wrong(runs, truth) <= limit()
    # the control: an interval for one look, looked at many times, is wrong far more often
    looked = [
        [
            Interval(s, s - 1.96 * math.sqrt(s * (1 - s) / n), s + 1.96 * math.sqrt(s * (1 - s) / n))
            for n, s in ((n, row[n - 1] / n) for n in LOOKS)
        ]
        for row in counts
    ]
    assert ever_wrong(looked, truth) > 2 * ALPHA
    # and it says something: at the end it is narrow
    widths = [run[-1].high - run[-1].low for run in runs]
    assert float(np.median(widths)) < 10 * math.sqrt(truth * (1 - truth) / TRIALS) + 0.01


def test_a_mean_is_inside_at_every_look() -> None:
    values = np.random.default_rng(run_seed()).exponential(2.0, (RUNS, TRIALS))
    sums, squares = values.cumsum(axis=1), (values**2).cumsum(axis=1)
    runs = [
        [mean(float(a[n - 1]), float(b[n - 1]), float(n), ALPHA) for n in LOOKS]
        for a, b in zip(sums, squares, strict=True)
    ]
    assert ever_wrong(runs, 2.0) <= limit()
    assert float(np.median([run[-1].high - run[-1].low for run in runs])) < 10 * 2.0 / math.sqrt(TRIALS)


def test_nothing_seen_says_nothing() -> None:
    assert (proportion(0, 0, ALPHA).low, proportion(0, 0, ALPHA).high) == (0.0, 1.0)
    few = mean(1.0, 1.0, FEWEST - 1, ALPHA)
    assert (few.low, few.high) == (-math.inf, math.inf)


@given(trials=st.integers(1, 3_000), data=st.data())
def test_more_alpha_is_narrower_and_the_estimate_is_inside(trials: int, data: st.DataObject) -> None:
    yes = data.draw(st.integers(0, trials))
    wide, narrow = proportion(yes, trials, 0.01), proportion(yes, trials, 0.2)
    assert 0 <= wide.low <= narrow.low <= yes / trials <= narrow.high <= wide.high <= 1
    mirrored = proportion(trials - yes, trials, 0.01)
    assert mirrored.low == pytest.approx(1 - wide.high, abs=1e-9)


def test_differences_and_ratios() -> None:
    one, other = Interval(3.0, 2.0, 4.0), Interval(1.0, 0.5, 1.5)
    assert one.minus(other) == Interval(2.0, 0.5, 3.5)
    assert one.exp().low == pytest.approx(math.exp(2.0))
    assert Interval(0.0, -math.inf, math.inf).exp() == Interval(1.0, 0.0, math.inf)


def test_answers_of_one_user_are_not_many() -> None:
    """Few users who ask often, each of a taste of his own: by answers, a canary is aborted for them."""
    rng, users, runs = np.random.default_rng(run_seed()), 50, 200
    looks = np.unique(np.geomspace(10, TRIALS, 30).astype(int))
    truth, naive, fair, widths = 0.3, [], [], []
    for _ in range(runs):
        tastes, busy = rng.beta(4 * truth, 4 * (1 - truth), users), rng.exponential(1.0, users) + 0.05
        who = rng.choice(users, TRIALS, p=busy / busy.sum())
        liked = rng.random(TRIALS) < tastes[who]
        alone, together = [], []
        for n in looks:
            had = np.bincount(who[:n], liked[:n], users).astype(int).tolist()
            given = np.bincount(who[:n], minlength=users).tolist()
            alone.append(proportion(sum(had), n, ALPHA))
            together.append(by_users(list(zip(had, given, strict=True)), ALPHA))
        naive.append(alone)
        fair.append(together)
        widths.append(together[-1].high - together[-1].low)
    assert ever_wrong(naive, truth) > 4 * ALPHA, "the control: answers taken for independent"
    assert ever_wrong(fair, truth) <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
    assert float(np.median(widths)) < 0.35, "and it says something"


def test_users_who_ask_once_are_as_good_as_answers() -> None:
    users = [(int(n % 3 == 0), 1) for n in range(300)]
    assert by_users(users, ALPHA).low == pytest.approx(proportion(100, 300, ALPHA).low, abs=2e-3)


@given(
    users=st.lists(
        st.integers(1, 50).flatmap(lambda given: st.tuples(st.integers(0, given), st.just(given))),
        min_size=1,
        max_size=2 * FEWEST_USERS,
    )
)
def test_by_users_is_never_narrower_than_by_answers(users: list[tuple[int, int]]) -> None:
    had, given_ = sum(h for h, _ in users), sum(g for _, g in users)
    one, other = by_users(users, ALPHA), proportion(had, given_, ALPHA)
    assert one.low <= other.low + 1e-9
    assert other.high <= one.high + 1e-9
    assert one.estimate == pytest.approx(other.estimate)


def test_few_users_count_once_each() -> None:
    assert by_users([(100, 100)] * 10 + [(0, 100)] * 10, ALPHA) == proportion(10, 20, ALPHA)
    assert by_users([(0, 1000)] * 50, ALPHA) == proportion(0, 50, ALPHA)
    assert by_users([], ALPHA) == proportion(0, 0, ALPHA)
