"""Training of the poster model: it learns, keeps its epochs, and goes on after a kill as if never killed."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboardX.proto.event_pb2 import Event

from tests.unit.trainer.vision.tiny import examples, options
from trainer.exceptions import TrainingError
from trainer.fitting import BOARD_FOLDER, read_log
from trainer.vision.examples import split
from trainer.vision.train import TrainedViT, train_vit

ROOT = Path(__file__).parents[4]
STEPS = 4
"""Batches of an epoch of the tiny training."""


class StoppedError(Exception):
    """Stands for Ctrl-C."""


def quiet(what: str, done: int, total: int) -> None:
    """Shows nothing."""


def scalars(work: Path, name: str) -> list[float]:
    """What TensorBoard would show of a training, in the order of the steps: its files are TFRecords."""
    found: dict[int, float] = {}
    for path in (work / BOARD_FOLDER).glob("events.*"):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (size,) = struct.unpack_from("<Q", content, at)
            event = Event.FromString(content[at + 12 : at + 12 + size])
            at += size + 16
            for value in event.summary.value:
                if value.tag == name:
                    assert event.step not in found, "an epoch was logged twice"
                    found[event.step] = value.simple_value
    return [found[step] for step in sorted(found)]


def same(a: TrainedViT, b: TrainedViT) -> bool:
    left, right = a.model.state_dict(), b.model.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_it_learns_what_can_be_seen(tmp_path: Path) -> None:
    made = train_vit(examples(), options(epochs=14, rate=3e-3), tmp_path, quiet)
    log = read_log(tmp_path / "log.csv")
    assert [int(row["epoch"]) for row in log] == list(range(made.epochs))
    assert float(log[-1]["val_cells"]) < float(log[0]["val_cells"]) - 0.2
    assert made.figures["val_map"] > 0.75, "two genres that 40% have, both plain to see"
    assert made.figures["val_map"] == max(float(row["val_map"]) for row in log)
    assert scalars(tmp_path, "val_map") == pytest.approx([float(row["val_map"]) for row in log], abs=1e-6)


def test_stopped_and_resumed_is_the_same_as_straight(tmp_path: Path) -> None:
    straight = train_vit(examples(), options(), tmp_path / "straight", quiet)
    steps: list[int] = []

    def stop(what: str, done: int, total: int) -> None:
        if done == STEPS + 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_vit(examples(), options(), tmp_path / "stopped", stop)
    assert len(read_log(tmp_path / "stopped" / "log.csv")) == 1, "it stopped within the second epoch"
    resumed = train_vit(
        examples(), options(), tmp_path / "stopped", lambda what, done, total: steps.append(done)
    )
    assert steps[0] == STEPS + 1, "the first epoch is not trained again"
    assert same(straight, resumed)
    assert read_log(tmp_path / "straight" / "log.csv") == read_log(tmp_path / "stopped" / "log.csv")
    curves = [scalars(tmp_path / name, "train_loss") for name in ("straight", "stopped")]
    assert curves[0] == curves[1]
    assert len(curves[0]) == options().epochs
    other = train_vit(examples(), options(seed=1), tmp_path / "other", quiet)
    assert not same(straight, other), "weights that are alike whatever is done prove nothing"


@pytest.mark.full
def test_killed_and_resumed_is_the_same_as_straight(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.unit.trainer.vision.tiny",
        str(tmp_path / "killed"),
        str(STEPS + 2),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "killme"
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait(timeout=60) == -signal.SIGKILL
    steps: list[int] = []
    resumed = train_vit(
        examples(), options(), tmp_path / "killed", lambda what, done, total: steps.append(done)
    )
    assert steps[0] == STEPS + 1
    assert same(train_vit(examples(), options(), tmp_path / "straight", quiet), resumed)


def test_it_ends_early_where_nothing_gets_better(tmp_path: Path) -> None:
    made = train_vit(examples(), options(epochs=40, patience=2, rate=1e-9), tmp_path, quiet)
    assert made.epochs < 10


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    train_vit(examples(), options(epochs=1), tmp_path, quiet)
    with pytest.raises(TrainingError, match="other data or options"):
        train_vit(examples(), options(epochs=1, seed=3), tmp_path, quiet)


def test_a_film_stays_on_its_side_whatever_the_others_are() -> None:
    films = tuple(f"tt{i}" for i in range(400))
    learnt, held = split(films, 0.2, 0)
    assert not set(learnt.tolist()) & set(held.tolist())
    assert 40 < len(held) < 120
    fewer = films[::2]
    _, held_of_fewer = split(fewer, 0.2, 0)
    assert {fewer[i] for i in held_of_fewer} == {films[i] for i in held if i % 2 == 0}
    with pytest.raises(TrainingError, match="too few"):
        split(("tt1",), 0.2, 0)


def test_the_order_of_posters_hangs_on_seed_and_epoch_alone() -> None:
    from trainer.vision.module import EpochSampler

    sampler = EpochSampler(np.arange(10, 30), 5)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    sampler.set_epoch(0)
    assert list(sampler) == first != second
    assert sorted(second) == list(range(10, 30))
