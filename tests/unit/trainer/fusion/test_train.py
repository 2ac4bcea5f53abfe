"""Training of the correction: it learns, stops early, and goes on after a kill as if never killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from handlers.fusion import FusionTransformer
from tests.unit.trainer.fusion.tiny import DIM, FILMS, OPTIONS, STEPS, films, lesson, transformer
from trainer.exceptions import TrainingError
from trainer.fitting import LOG_FILE, read_log
from trainer.fusion.fit import corrections
from trainer.fusion.options import NO_META, FusionOptions
from trainer.fusion.train import Judge, train_correction

ROOT = Path(__file__).parents[4]


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def trained(work: Path, options: FusionOptions = OPTIONS, judge: Judge | None = None) -> FusionTransformer:
    made = transformer()
    train_correction(made, lesson(), options, work, options.epochs, quiet, judge)
    return made


def same(one: FusionTransformer, other: FusionTransformer) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_it_learns_what_the_base_misses(tmp_path: Path) -> None:
    made = trained(tmp_path, FusionOptions(epochs=8, films_an_epoch=48, batch=8, learning_rate=1e-2))
    genre = np.where(np.arange(FILMS) % 2, 1.0, -1.0)
    said = corrections(made, films())
    assert said.shape == (FILMS, DIM)
    assert np.corrcoef(said[:, 1], genre)[0, 1] > 0.9
    without = corrections(made, films(), NO_META)
    assert abs(np.corrcoef(without[:, 1], genre)[0, 1]) < 0.7


def test_killed_and_resumed_is_the_same_as_straight(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.unit.trainer.fusion.tiny",
        str(tmp_path / "killed"),
        str(STEPS + 2),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "killme"
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait(timeout=60) == -signal.SIGKILL
    assert len(read_log(tmp_path / "killed" / LOG_FILE)) == 1
    resumed = trained(tmp_path / "killed")
    assert same(resumed, trained(tmp_path / "straight"))
    assert not same(resumed, transformer())
    assert [row["epoch"] for row in read_log(tmp_path / "killed" / LOG_FILE)] == ["0", "1"]


def test_the_best_epoch_is_kept_and_training_ends_after_it(tmp_path: Path) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.2, 0.9])
    seen = []

    def score(added: np.ndarray) -> float:
        seen.append(float(added.sum()))
        return next(scores)

    options = FusionOptions(epochs=6, patience=2, films_an_epoch=32, batch=8)
    judged = films().take(np.arange(9))
    made = transformer()
    epochs = train_correction(made, lesson(), options, tmp_path, options.epochs, quiet, Judge(judged, score))
    assert epochs == 2
    assert len(seen) == 4
    assert corrections(made, judged).sum() == pytest.approx(seen[1], abs=1e-3)
    # what has ended is loaded, not trained again
    again = transformer()
    assert train_correction(again, lesson(), options, tmp_path, 6, quiet, Judge(judged, score)) == 2
    assert same(made, again)


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    trained(tmp_path, FusionOptions(epochs=1, films_an_epoch=16, batch=8))
    with pytest.raises(TrainingError, match="other data or options"):
        trained(tmp_path, FusionOptions(epochs=1, films_an_epoch=16, batch=8, seed=3))
