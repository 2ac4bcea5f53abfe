"""Waits before a restart."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from deploy.stack.backoff import FIRST_S, LONGEST_S, STEADY_S, Backoff


@given(st.lists(st.floats(0, STEADY_S - 1), min_size=1, max_size=40), st.integers())
def test_waits_grow_within_bounds(lives: list[float], seed: int) -> None:
    backoff = Backoff(random.Random(seed))
    for failures, lived in enumerate(lives):
        full = min(LONGEST_S, FIRST_S * 2**failures)
        assert full / 2 <= backoff.next(lived) <= full


def test_a_long_life_pays_off_what_went_before() -> None:
    backoff = Backoff(random.Random(1))
    for _ in range(10):
        backoff.next(0.0)
    assert backoff.next(STEADY_S) <= FIRST_S


def test_two_services_do_not_come_back_together() -> None:
    assert Backoff(random.Random(1)).next(0) != Backoff(random.Random(2)).next(0)
