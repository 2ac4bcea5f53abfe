"""``marquee evaluate all --quick``: all of it holds on the shipped data, and what does not is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from deploy.cli.evaluate import command
from trainer.evaluation import quick


@pytest.mark.timeout(600)
def test_everything_holds_on_a_small_slice_of_the_shipped_data() -> None:
    done = CliRunner().invoke(command, ["all", "--quick"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert not [line for line in lines if line.startswith("NOT")]
    assert len([line for line in lines if line.startswith("ok ")]) >= 17


def test_what_does_not_hold_is_named_and_ends_in_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def served(*_: Any, **__: Any) -> dict[str, Any]:
        kinds = {"plain": 0.0, "reranked": 0.1}
        return {"ndcg@10": kinds, "recall@10": kinds, "coverage": kinds, "gate": {"passed": False}}

    def popularity(liked: Any) -> Any:
        least = -np.asarray(liked.sum(axis=0), dtype=np.float64)
        return lambda users: np.repeat(least, len(users), axis=0)

    monkeypatch.setattr(quick, "evaluate_served", served)
    monkeypatch.setattr(quick, "popularity_scorer", popularity)
    done = CliRunner().invoke(command, ["all", "--quick"])
    assert done.exit_code == 1
    assert {
        "does not hold: popularity beats chance",
        "does not hold: what is served beats chance",
        "does not hold: a re-ranker that its gate stopped changes nothing",
    } <= set(done.stderr.splitlines())
