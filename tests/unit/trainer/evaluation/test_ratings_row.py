"""The row of predicted ratings: every fold is scored, and nothing of a test part is learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.trainer.evaluation.test_served import world
from trainer.data.columns import Ratings
from trainer.data.splits import random_holdout
from trainer.evaluation.metrics import mae, rmse
from trainer.evaluation.ratings_row import SYSTEM, ml_100k_ratings, over_all, rating_errors


def test_choices_do_not_see_the_test_part() -> None:
    fold = random_holdout(world(0), 0.2, 0)
    errors, chosen = rating_errors(fold)
    turned = Ratings(fold.test.user_ids, fold.test.item_ids, 7.0 - fold.test.values, fold.test.event_time_ms)
    other, same = rating_errors(replace(fold, test=turned))
    assert same == chosen
    assert other["rmse"][SYSTEM] > errors["rmse"][SYSTEM]


def test_baselines_are_those_that_their_names_say() -> None:
    fold = random_holdout(world(1), 0.2, 0)
    errors, _ = rating_errors(fold)
    mean = {user: fold.train.values[fold.train.user_ids == user].mean() for user in set(fold.train.user_ids)}
    said = np.array([mean.get(user, fold.train.values.mean()) for user in fold.test.user_ids])
    assert errors["rmse"]["user_mean"] == pytest.approx(rmse(said, fold.test.values))
    assert errors["mae"]["user_mean"] == pytest.approx(mae(said, fold.test.values))
    assert errors["rmse"][SYSTEM] < errors["rmse"]["biases"]


def test_intervals_are_over_folds_and_differences_of_the_same_fold() -> None:
    found = [
        {"rmse": {SYSTEM: 0.9 + n / 100, "biases": 0.95 + n / 100}, "mae": {SYSTEM: 0.7, "biases": 0.8}}
        for n in range(3)
    ]
    made = over_all(found)
    assert made["rmse"][SYSTEM]["mean"] == pytest.approx(0.91)
    assert made["rmse"][SYSTEM]["low"] < 0.9 < made["rmse"][SYSTEM]["high"]
    assert made["against"]["rmse"]["biases"] == pytest.approx({"mean": -0.05, "low": -0.05, "high": -0.05})
    assert made["folds"]["mae"]["biases"] == [0.8, 0.8, 0.8]


def test_all_five_folds_are_read(tmp_path: Path) -> None:
    for number in range(1, 6):
        fold = random_holdout(world(number), 0.2, 0)
        for name, part in (("base", fold.train), ("test", fold.test)):
            lines = [
                f"{u[1:]}\t{i[3:]}\t{v:.0f}\t{t // 1000}"
                for u, i, v, t in zip(
                    part.user_ids, part.item_ids, part.values, part.event_time_ms, strict=True
                )
            ]
            path = tmp_path / "ml-100k" / f"u{number}.{name}"
            path.parent.mkdir(exist_ok=True)
            # what tells the layout of the folder
            (path.parent / "u.item").touch()
            path.write_text("\n".join([*lines, ""]))
    said: list[str] = []
    result = ml_100k_ratings(tmp_path, said.append)
    assert [line[:2] for line in said] == ["u1", "u2", "u3", "u4", "u5"]
    assert len(result["chosen"]) == len(result["folds"]["rmse"][SYSTEM]) == 5
    assert len(set(result["folds"]["rmse"][SYSTEM])) == 5
    for measure in ("rmse", "mae"):
        one = result[measure][SYSTEM]
        assert one["low"] < one["mean"] < one["high"]
        assert result["against"][measure]["user_mean"]["high"] < 0
