"""Rows: names that commands can tell apart, packages measured, users who are cold in one fold each."""

from __future__ import annotations

import pytest

from tests.unit.trainer.evaluation.test_served import world
from trainer.evaluation.fusion import POSTER_MODEL
from trainer.evaluation.results import selected
from trainer.evaluation.rows import ROWS, SHOWN, cold_users_of

BY_NAME = {row.name: row for row in ROWS}


def test_names_are_told_apart() -> None:
    assert len(BY_NAME) == len(ROWS)
    assert [row.name for row in selected("ml-100k-cold")] == ["ml-100k-cold"]
    assert [row.name for row in selected("ml-100k-cold-users-")] == [
        f"ml-100k-cold-users-{n}" for n in range(1, 6)
    ]
    assert selected("") == list(ROWS)
    assert selected("nothing") == []


def test_the_fusion_row_is_due_when_its_poster_package_changes() -> None:
    assert BY_NAME["ml-100k-fusion-cold"].packages == (POSTER_MODEL,)


def test_figures_of_a_goal_stand_in_its_words() -> None:
    for row in ROWS:
        for _, value in row.marks:
            assert f"{value:g}" in row.goal, row.name


def test_each_user_is_cold_in_one_fold_and_known_by_few_ratings() -> None:
    ratings = world(0)
    folds = [cold_users_of(ratings, number) for number in range(1, 6)]
    tested = [set(fold.test.user_ids) for fold in folds]
    assert sum(map(len, tested)) == len(set().union(*tested)) == len(set(ratings.user_ids))
    for fold, users in zip(folds, tested, strict=True):
        assert not users & set(fold.train.user_ids)
        assert len(fold.known) - len(fold.train) == SHOWN * len(users)
    with pytest.raises(IndexError):
        cold_users_of(ratings, 6)
