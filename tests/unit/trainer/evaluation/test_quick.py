"""``marquee evaluate all --quick``: all of it holds on the shipped data, and what does not is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from deploy.cli.evaluate import command
from trainer.evaluation import quick
from trainer.evaluation.against import parts
from trainer.evaluation.list_measures import measure_names


@pytest.mark.timeout(600)
def test_everything_holds_on_a_small_slice_of_the_shipped_data() -> None:
    done = CliRunner().invoke(command, ["all", "--quick"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert not [line for line in lines if line.startswith("NOT")]
    assert len([line for line in lines if line.startswith("ok ")]) >= 35


def test_what_does_not_hold_is_named_and_ends_in_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def served(*_: Any, **__: Any) -> dict[str, Any]:
        measures = {name: {"plain": 0.0, "reranked": 0.1} for name in measure_names(10)}
        return measures | {"mrr@10": {"plain": 0.0, "reranked": 1.1}, "gate": {"passed": False}}

    def popularity(liked: Any) -> Any:
        least = -np.asarray(liked.sum(axis=0), dtype=np.float64)
        return lambda users: np.repeat(least, len(users), axis=0)

    def errors(_: Any) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
        one = {"user_mean": 0.9, "biases": 0.8, "similar_items": 0.9}
        return {"rmse": one, "mae": dict.fromkeys(one, 1.0)}, {}

    def forgotten(fold: Any, item_ids: Any) -> Any:
        train, _, test = parts(fold, item_ids)
        return train, train, test

    monkeypatch.setattr(quick, "evaluate_served", served)
    monkeypatch.setattr(quick, "rating_errors", errors)
    monkeypatch.setattr(quick, "parts", forgotten)
    monkeypatch.setattr(quick, "popularity_scorer", popularity)
    done = CliRunner().invoke(command, ["all", "--quick"])
    assert done.exit_code == 1
    assert {
        "does not hold: popularity beats chance",
        "does not hold: what is served beats chance",
        "does not hold: what is served is scored in 0..1",
        "does not hold: biases predict ratings better than the user's mean, by mae",
        "does not hold: similar items do not spoil the biases, by rmse",
        "does not hold: RMSE is at least MAE",
        "does not hold: cold users are scored by every measure",
        "does not hold: with them they get their own",
        "does not hold: a re-ranker that its gate stopped changes nothing",
    } <= set(done.stderr.splitlines())
