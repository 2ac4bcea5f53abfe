"""Batches cover every item once, hold their limits, and no cut of the sorted items costs less."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from handlers.bucketing import cheapest_batches

LIMITS = (st.integers(0, 40), st.integers(1, 512), st.integers(1, 20))


def cost(batches: list[list[int]], batch_cost: int) -> int:
    return sum(batch_cost + len(batch) * max(batch) for batch in batches)


def allowed(batches: list[list[int]], tokens: int, most: int) -> bool:
    return all(len(b) <= most and (len(b) == 1 or len(b) * max(b) <= tokens) for b in batches)


@given(st.lists(st.integers(1, 128), max_size=80), *LIMITS)
def test_every_item_once_and_within_the_limits(
    lengths: list[int], batch_cost: int, tokens: int, most: int
) -> None:
    batches = cheapest_batches(lengths, batch_cost, tokens, most)
    assert sorted(int(i) for batch in batches for i in batch) == list(range(len(lengths)))
    assert allowed([[lengths[i] for i in batch] for batch in batches], tokens, most)


@given(st.lists(st.integers(1, 64), min_size=1, max_size=9), *LIMITS)
def test_no_other_cut_costs_less(lengths: list[int], batch_cost: int, tokens: int, most: int) -> None:
    ordered = sorted(lengths)
    costs = []
    for count in range(len(ordered)):
        for cuts in combinations(range(1, len(ordered)), count):
            ends = [*cuts, len(ordered)]
            batches = [ordered[a:b] for a, b in zip([0, *cuts], ends, strict=True)]
            if allowed(batches, tokens, most):
                costs.append(cost(batches, batch_cost))
    found = [[lengths[i] for i in batch] for batch in cheapest_batches(lengths, batch_cost, tokens, most)]
    assert cost(found, batch_cost) == min(costs)


def test_films_of_different_lengths_are_not_padded_to_the_longest() -> None:
    batches = cheapest_batches([64, 8, 64, 8, 9], 10, 1024, 64)
    assert [sorted(batch.tolist()) for batch in batches] == [[1, 3, 4], [0, 2]]
