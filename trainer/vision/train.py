"""Trains the poster model: a checkpoint after each epoch, resumed from the last one to the same result."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader

from trainer.exceptions import TrainingError
from trainer.fitting import LAST_FILE, LOG_FILE, EpochLog, Places, StepReport, claim, quiet_trainer, read_log
from trainer.processes import Processes
from trainer.progress import Progress
from trainer.vision.examples import Examples, split
from trainer.vision.module import EpochSampler, Ints, PosterModel
from trainer.vision.options import ViTOptions

CHOSEN_BY = "val_map"


@dataclass(frozen=True)
class TrainedViT:
    """A model with the weights of its best epoch."""

    model: PosterModel
    options: ViTOptions
    epoch: int
    """The best one, from 0."""
    epochs: int
    """How many ran."""
    figures: dict[str, float]
    """Of the best epoch: losses and mean average precision on the validation films."""
    precision: str
    device: str


def native_bf16() -> bool:
    """Whether this processor or GPU multiplies bf16 itself: where not, bf16 is slower than float32."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return _has_avx512_bf16()


def _has_avx512_bf16() -> bool:
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def train_vit(examples: Examples, options: ViTOptions, work: Path, progress: Progress) -> TrainedViT:
    """Trains in folder ``work``, which holds checkpoints and log; a run that stopped there is resumed.

    Under ``torchrun`` all processes train one model, each on its share of every batch (in the contrast a
    poster then finds its text among that share); every process gets the same model.

    Raises:
        TrainingError: if ``work`` holds a training of other data or options, or a batch cannot be shared out.
    """
    processes = Processes.of_environment()
    torch.set_num_threads(options.threads or max(1, (os.cpu_count() or 1) // processes.here))
    work.mkdir(parents=True, exist_ok=True)
    claim(work, f"{options.digest} {examples.fingerprint}")
    precision = {"auto": "bf16-mixed" if native_bf16() else "32-true", "32": "32-true", "bf16": "bf16-mixed"}[
        options.precision
    ]
    learnt, held = split(examples.imdb, options.validation_share, options.seed)
    batch = min(options.batch, len(learnt))
    if batch % processes.count:
        raise TrainingError(f"{processes.count} processes cannot share a batch of {batch}")
    torch.manual_seed(options.seed)
    model = PosterModel(examples, options, len(learnt) // batch, processes)
    best = ModelCheckpoint(
        work, "best", monitor=CHOSEN_BY, mode="max", save_last=True, enable_version_counter=False
    )
    stop = EarlyStopping(CHOSEN_BY, mode="max", patience=options.patience)
    trainer = quiet_trainer(
        options.epochs,
        [best, stop, EpochLog(work / LOG_FILE), StepReport(progress, "training", model.steps)],
        work,
        processes,
        accelerator="auto",
        precision=precision,
    )
    last = work / LAST_FILE
    with warnings.catch_warnings():
        # about workers for loading (there is nothing to load) and about logging steps
        warnings.simplefilter("ignore")
        trainer.fit(
            model,
            _loader(EpochSampler(learnt, options.seed, batch, processes), len(examples)),
            DataLoader(_Subset(held), batch_size=256),
            ckpt_path=str(last) if last.is_file() else None,
        )
    # the first has written log and checkpoints when the others go on
    trainer.strategy.barrier()
    chosen = torch.load(best.best_model_path, map_location="cpu", weights_only=True)
    model.load_state_dict(chosen["state_dict"])
    row = next(row for row in read_log(work / LOG_FILE) if int(row["epoch"]) == int(chosen["epoch"]))
    figures = {name: float(value) for name, value in row.items() if name.startswith("val_")}
    return TrainedViT(
        model.eval(),
        options,
        int(chosen["epoch"]),
        trainer.current_epoch,
        figures,
        precision,
        trainer.strategy.root_device.type,
    )


class _Subset(Places):
    def __init__(self, places: Ints) -> None:
        super().__init__(len(places))
        self.places = places

    def __getitem__(self, place: int) -> int:
        return int(self.places[place])


def _loader(sampler: EpochSampler, count: int) -> DataLoader[int]:
    share = sampler.batch // sampler.processes.count
    return DataLoader(Places(count), batch_size=share, sampler=sampler, drop_last=True)
