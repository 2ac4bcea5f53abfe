"""Two processes under ``torchrun`` train one model, each on its share of every batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.trainer.vision.tiny import examples, options
from trainer.exceptions import TrainingError
from trainer.fitting import BOARD_FOLDER, read_log
from trainer.processes import Processes
from trainer.vision.examples import split
from trainer.vision.module import EpochSampler, PosterModel
from trainer.vision.train import train_vit

ROOT = Path(__file__).parents[4]


def test_the_shares_of_all_are_the_batches_of_one() -> None:
    places = np.arange(100, 150)
    one = EpochSampler(places, 3, 8)
    several = [EpochSampler(places, 3, 8, Processes(rank, 4, 4)) for rank in range(4)]
    for epoch in (0, 1):
        for sampler in (one, *several):
            sampler.set_epoch(epoch)
        order, shares = list(one), [list(sampler) for sampler in several]
        assert {len(share) for share in shares} == {len(sampler) for sampler in several} == {12}
        for step in range(6):
            together = [place for share in shares for place in share[2 * step : 2 * step + 2]]
            assert sorted(together) == sorted(order[8 * step : 8 * step + 8])


def test_a_batch_that_cannot_be_shared_out_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "3"), ("LOCAL_WORLD_SIZE", "3")):
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match="3 processes cannot share a batch of 16"):
        train_vit(examples(), options(), tmp_path, lambda what, done, total: None)


@pytest.mark.full
def test_two_processes_make_one_model(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "tests.unit.trainer.vision.together", str(tmp_path)]
    # a GPU of the machine is not what is asked about
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    ranks = [torch.load(tmp_path / f"rank{n}.pt", weights_only=True) for n in range(2)]
    assert [(one["rank"], one["count"], one["backend"]) for one in ranks] == [(0, 2, "gloo"), (1, 2, "gloo")]

    # both took part: in each step two halves of the batch that one process would have had
    made, chosen = examples(), options()
    learnt, _ = split(made.imdb, chosen.validation_share, chosen.seed)
    sampler, steps = EpochSampler(learnt, chosen.seed), len(learnt) // chosen.batch
    assert len(ranks[0]["seen"]) == len(ranks[1]["seen"]) == chosen.epochs * steps
    for (epoch, step, first), (other_epoch, other_step, second) in zip(
        ranks[0]["seen"], ranks[1]["seen"], strict=True
    ):
        assert (epoch, step) == (other_epoch, other_step)
        sampler.set_epoch(epoch)
        batch = list(sampler)[step * chosen.batch : (step + 1) * chosen.batch]
        assert len(first) == len(second) == chosen.batch // 2
        assert sorted(first + second) == sorted(batch)

    # having seen different films, they would differ had either gone by its own gradients alone
    torch.manual_seed(chosen.seed)
    untrained = PosterModel(made, chosen, steps).state_dict()
    for name, weight in ranks[0]["state"].items():
        assert torch.equal(weight, ranks[1]["state"][name]), name
        assert not torch.equal(weight, untrained[name]), f"{name} has learnt nothing"
    assert ranks[0]["figures"] == ranks[1]["figures"]

    # one of them writes
    assert [int(row["epoch"]) for row in read_log(tmp_path / "log.csv")] == list(range(chosen.epochs))
    assert len(list((tmp_path / BOARD_FOLDER).glob("events.*"))) == 1
