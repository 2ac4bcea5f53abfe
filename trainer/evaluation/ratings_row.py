"""Predicted ratings, scored by RMSE and MAE over u1..u5 of ML-100K: a row of docs/results.md."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from trainer.data import all_ratings
from trainer.data.splits import Fold, fixed
from trainer.evaluation.metrics import mae, rmse
from trainer.evaluation.ratings import choose_ratings, fit_ratings, user_means
from trainer.evaluation.served import matrices
from trainer.evaluation.statistics import over_folds
from trainer.space.tuning import Say

MEASURES = {"rmse": rmse, "mae": mae}
SYSTEM = "similar_items"
"""Biases and similar items; the others are what it must beat."""


def rating_errors(fold: Fold, seed: int = 0) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """({measure: {system: figure}}, the numbers chosen), of all ratings of the fold's test part.

    Raises:
        ValueError: if the training part is too small to hold ratings out.
    """
    item_ids = sorted(set(fold.train.item_ids) | set(fold.test.item_ids))
    train, test = matrices(fold.train, fold.test, item_ids)
    biases, whole = choose_ratings(train, seed)
    said = {
        "user_mean": user_means(train)[test.users],
        "biases": fit_ratings(train, biases).predict(test.users, test.items),
        SYSTEM: fit_ratings(train, whole).predict(test.users, test.items),
    }
    errors = {
        name: {system: measure(one, test.values) for system, one in said.items()}
        for name, measure in MEASURES.items()
    }
    return errors, asdict(whole)


def ml_100k_ratings(data: Path, say: Say) -> dict[str, Any]:
    """RMSE and MAE of u1..u5: mean and Student's interval over folds, and how far the baselines are above."""
    found, chosen = [], []
    for number in range(1, 6):
        base, test = (all_ratings(data / "ml-100k" / f"u{number}.{part}") for part in ("base", "test"))
        errors, choice = rating_errors(fixed(f"u{number}", base, test), number)
        say(f"u{number}: {errors}, {choice}")
        found.append(errors)
        chosen.append(choice)
    return {**over_all(found), "chosen": chosen}


def over_all(found: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Each measure's interval over folds, its folds, and the interval of (system - baseline)."""
    out: dict[str, Any] = {"folds": {}, "against": {}}
    for measure in MEASURES:
        folds = {system: np.array([one[measure][system] for one in found]) for system in found[0][measure]}
        out[measure] = {system: _rounded(means) for system, means in folds.items()}
        out["folds"][measure] = {
            system: [round(float(x), 5) for x in means] for system, means in folds.items()
        }
        out["against"][measure] = {
            system: _rounded(folds[SYSTEM] - means) for system, means in folds.items() if system != SYSTEM
        }
    return out


def _rounded(values: np.typing.NDArray[np.float64]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in asdict(over_folds(values)).items()}
