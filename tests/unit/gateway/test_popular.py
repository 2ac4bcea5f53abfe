"""Sums over partitions, decay, and changes that replace what was counted before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.documents import bucket_of, popular_key
from streaming.gateway import popular as module
from streaming.gateway.popular import PopularCounts, decay, decayed

ITEMS = [f"i{n}" for n in range(6)]
LIKES = st.dictionaries(
    st.sampled_from(ITEMS),
    st.dictionaries(st.integers(2_000, 2_600), st.integers(1, 9), min_size=1, max_size=3),
    max_size=4,
)
RECORDS = st.lists(st.tuples(st.integers(0, 3), LIKES), max_size=12)


def _put(
    popular: PopularCounts, partition: int, likes: dict[str, dict[int, int]], threshold: float = 4.0
) -> None:
    """Every bucket of a partition, as a ledger publishes it in the end."""
    for bucket in {bucket_of(item) for item in ITEMS}:
        counts = {i: sorted(w.items()) for i, w in likes.items() if bucket_of(i) == bucket}
        popular.put(popular_key(threshold, partition, bucket), counts)


def test_a_like_is_halved_every_half_life() -> None:
    assert decay(100, 100, 90) == 1
    assert decay(100, 190, 630) == pytest.approx(1 / 2)
    assert decayed({100: 8, 190: 1}, {100: 0.5, 190: 1.0}) == 5


def test_one_live_like_against_an_old_history() -> None:
    """The figures of docs/lookup.md: it outweighs all of it, unless the half-life is as long as the gap."""
    ten_years = 521
    history = {"known": {2_000: 329}, "other": {2_000: 200}}
    for half_life, first in ((90.0, "live"), (3_650.0, "known")):
        popular = PopularCounts(half_life)
        for partition, likes in enumerate((history, {"live": {2_000 + ten_years: 1}})):
            for item, weeks in likes.items():
                popular.put(popular_key(4.0, partition, bucket_of(item)), {item: sorted(weeks.items())})
        order = list(popular.ranked(4.0))
        assert order[0][0] == first
        assert dict(order)["live"] == 1.0
    assert decay(0, ten_years, 90.0) == pytest.approx(2.0**-40.5, rel=0.05)
    assert decay(0, ten_years, 3_650.0) == pytest.approx(0.5, rel=0.01)


@given(records=RECORDS, looked=st.booleans())
def test_only_the_newest_record_of_a_bucket_counts(
    records: list[tuple[int, dict[str, dict[int, int]]]], looked: bool
) -> None:
    """However often anybody looked in between."""
    popular, newest = PopularCounts(90.0), {}
    for partition, likes in records:
        _put(popular, partition, likes)
        newest[partition] = likes
        if looked:
            list(popular.ranked(4.0))
    sums: dict[str, dict[int, int]] = {}
    for likes in newest.values():
        for item, weeks in likes.items():
            for week, count in weeks.items():
                total = sums.setdefault(item, {})
                total[week] = total.get(week, 0) + count
    last = max((week for weeks in sums.values() for week in weeks), default=0)
    want = {
        item: sum(n * 0.5 ** ((last - week) * 7 / 90) for week, n in weeks.items())
        for item, weeks in sums.items()
    }
    assert dict(popular.ranked(4.0)) == pytest.approx(want)
    ranked = list(popular.ranked(4.0))
    assert ranked == sorted(ranked, key=lambda entry: (-entry[1], entry[0]))
    for item in ITEMS:
        assert popular.likes(4.0, item) == sum(sums.get(item, {}).values())


@given(likes=LIKES, years=st.integers(0, 30))
def test_an_old_history_is_ordered_as_a_new_one(likes: dict[str, dict[int, int]], years: int) -> None:
    now, then = PopularCounts(90.0), PopularCounts(90.0)
    _put(now, 0, likes)
    _put(then, 0, {i: {w - 52 * years: n for w, n in weeks.items()} for i, weeks in likes.items()})
    assert list(now.ranked(4.0)) == list(then.ranked(4.0))


def test_thresholds_are_kept_apart() -> None:
    popular = PopularCounts(90.0)
    _put(popular, 0, {"i1": {2_000: 3}}, threshold=4.0)
    _put(popular, 0, {"i2": {2_000: 3}}, threshold=3.5)
    assert [item for item, _ in popular.ranked(3.5)] == ["i2"]
    assert not list(popular.ranked(5.0))
    popular.clear()
    assert not list(popular.ranked(4.0))


def test_a_change_costs_what_changed_not_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[int] = []
    monkeypatch.setattr(module, "decayed", lambda weeks, factors: scored.append(1) or decayed(weeks, factors))
    popular = PopularCounts(90.0)
    for item in ITEMS:
        popular.put(popular_key(4.0, 0, bucket_of(item)), {item: [(2_000, 2), (2_100, 1)]})
    list(popular.ranked(4.0))
    assert len(scored) == len(ITEMS)
    popular.put(popular_key(4.0, 1, bucket_of("i3")), {"i3": [(2_100, 5)]})
    assert next(popular.ranked(4.0))[0] == "i3"
    assert len(scored) == len(ITEMS) + 1
