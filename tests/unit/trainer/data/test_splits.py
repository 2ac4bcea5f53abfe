"""Every protocol parts the ratings as it says, and never lets test ratings into training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.columns import Ratings
from trainer.data.folder import ratings_of
from trainer.data.splits import (
    Fold,
    cold_items,
    cold_users,
    fixed,
    join,
    leave_last,
    random_holdout,
    take,
    temporal,
    validation_cut,
    with_few_ratings,
)
from trainer.exceptions import DataError, TrainingError


def table(rows: list[tuple[int, int, float, int]]) -> Ratings:
    return Ratings(
        np.array([f"u{r[0]}" for r in rows], dtype=object),
        np.array([f"i{r[1]}" for r in rows], dtype=object),
        np.array([r[2] for r in rows]),
        np.array([r[3] for r in rows], dtype=np.int64),
    )


def many(seed: int, n: int = 200) -> Ratings:
    rng = np.random.default_rng(seed)
    cells = rng.permutation(20 * 30)[:n]
    return table([(c // 30, c % 30, float(rng.integers(1, 6)), int(rng.integers(0, 50))) for c in cells])


def rows(ratings: Ratings) -> Counter:
    return Counter(
        zip(ratings.user_ids, ratings.item_ids, ratings.values, ratings.event_time_ms, strict=True)
    )


def check_parting(ratings: Ratings, fold: Fold) -> None:
    assert rows(fold.train) + rows(fold.test) == rows(ratings)
    assert not rows(fold.known) & rows(fold.test)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(0.1, 0.9))
def test_training_and_test_make_up_the_whole(seed: int, share: float) -> None:
    ratings = many(seed)
    for fold in [
        random_holdout(ratings, share, seed),
        temporal(ratings, share),
        leave_last(ratings),
        *cold_items(ratings, 5, seed),
    ]:
        check_parting(ratings, fold)


def test_the_seed_alone_decides() -> None:
    ratings = many(0)
    first, again, other = (random_holdout(ratings, 0.2, seed) for seed in (4, 4, 5))
    assert rows(first.test) == rows(again.test) != rows(other.test)


def test_temporal_never_learns_from_what_comes_later() -> None:
    ratings = many(3)
    fold = temporal(ratings, 0.2)
    assert fold.train.event_time_ms.max() < fold.test.event_time_ms.min()
    assert len(fold.test) == pytest.approx(0.2 * len(ratings), abs=10)


def test_temporal_of_one_moment_is_refused() -> None:
    with pytest.raises(TrainingError, match="training part is empty"):
        temporal(table([(1, 1, 3.0, 7), (2, 1, 3.0, 7)]), 0.5)


def test_leave_last_takes_each_users_newest_and_of_equal_times_the_last() -> None:
    ratings = table([(1, 1, 5.0, 9), (1, 2, 4.0, 3), (2, 1, 3.0, 5), (2, 2, 2.0, 5), (3, 1, 1.0, 1)])
    fold = leave_last(ratings)
    assert list(zip(fold.test.user_ids, fold.test.item_ids, strict=True)) == [("u1", "i1"), ("u2", "i2")]


def test_cold_items_are_each_tested_once_and_never_learnt() -> None:
    ratings = many(1)
    folds = list(cold_items(ratings, 5, 0))
    assert sum((Counter(fold.cold_items) for fold in folds), Counter()) == Counter(set(ratings.item_ids))
    for fold in folds:
        assert not fold.cold_items & set(fold.train.item_ids)
        assert set(fold.test.item_ids) == fold.cold_items


def test_cold_users_show_their_first_ratings_and_are_never_learnt_from() -> None:
    ratings = many(2)
    tested: set[str] = set()
    for fold in cold_users(ratings, 4, 0, shown=3):
        users = set(fold.test.user_ids)
        assert not users & set(fold.train.user_ids)
        assert not users & tested
        tested |= users
        for user in users:
            shown = fold.known.event_time_ms[fold.known.user_ids == user]
            assert len(shown) == 3
            assert shown.max() <= fold.test.event_time_ms[fold.test.user_ids == user].min()
    assert tested == {u for u, n in Counter(ratings.user_ids).items() if n > 3}


def test_a_validation_part_is_cut_from_training_alone() -> None:
    fold = random_holdout(many(5), 0.3, 0)
    inner = validation_cut(fold, 0.2, 1)
    assert rows(inner.train) + rows(inner.test) == rows(fold.train)
    assert not rows(inner.test) & rows(fold.test)


def test_few_ratings_are_nested_and_exact() -> None:
    fold = random_holdout(many(6), 0.2, 0)
    items = frozenset(sorted(set(fold.train.item_ids))[:5])
    one, three = (with_few_ratings(fold, items, n, 9) for n in (1, 3))
    assert not rows(one.train) - rows(three.train)
    counts = Counter(three.train.item_ids)
    full = Counter(fold.train.item_ids)
    assert all(counts[i] == min(3, full[i]) for i in items)
    assert all(counts[i] == full[i] for i in full if i not in items)
    assert not items & set(with_few_ratings(fold, items, 0, 9).train.item_ids)


def test_a_test_rating_that_is_in_training_too_is_named() -> None:
    ratings = table([(1, 1, 3.0, 1), (1, 2, 3.0, 1)])
    with pytest.raises(TrainingError, match=r"test row 2 \(user u1, item i2\)"):
        fixed("u1", ratings, join(table([(2, 2, 1.0, 1)]), table([(1, 2, 5.0, 1)])))
    with pytest.raises(TrainingError, match="test part is empty"):
        fixed("u1", ratings, table([]))


def test_more_folds_than_items_are_refused() -> None:
    with pytest.raises(TrainingError, match="5 folds"):
        list(cold_items(table([(1, 1, 3.0, 1)]), 5))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (lambda ratings: temporal(ratings, 0.5), "split temporal: the training part is empty"),
        (lambda ratings: random_holdout(ratings, 0.0, 1), "split random-1: the test part is empty"),
        (leave_last, "split leave-last: the test part is empty"),
        (lambda ratings: list(cold_items(ratings, 5)), "5 folds need at least 5 ids"),
        (lambda ratings: list(cold_users(ratings, 2)), "split cold-users-1: nobody has more than 5"),
        (lambda ratings: fixed("u1", ratings, ratings), r"split u1: test row 1 \(user ml:1, item ml:7\)"),
        (
            lambda ratings: fixed("u1", ratings, take(ratings, np.zeros(2, bool))),
            "split u1: the test part is empty",
        ),
        (
            lambda ratings: validation_cut(Fold("u1", ratings, ratings, ratings), 0.0, 0),
            "split u1/validation-0: the test part is empty",
        ),
        (
            lambda ratings: temporal(
                join(take(ratings, np.zeros(2, bool)), take(ratings, np.ones(2, bool))), 0.5
            ),
            "split temporal: the training part is empty",
        ),
    ],
)
def test_what_cannot_be_parted_is_named_with_its_file(
    part: Callable[[Ratings], object], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "u1.base"
    path.write_text("1\t7\t3\t5\n2\t7\t4\t5\n")
    with pytest.raises(DataError, match=rf"u1\.base: {said}"):
        part(ratings_of(path))
