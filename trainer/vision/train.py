"""Trains the poster model: a checkpoint after each epoch, resumed from the last one to the same result."""

from __future__ import annotations

import csv
import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, Dataset

from trainer.data.posters import Progress
from trainer.exceptions import TrainingError
from trainer.vision.examples import Examples, split
from trainer.vision.module import EpochSampler, Ints, PosterModel
from trainer.vision.options import ViTOptions

LOG_FILE, CHOSEN_BY = "log.csv", "val_map"


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


class _Places(Dataset[int]):
    """A batch is places; the model holds the arrays."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> int:
        return place


class EpochLog(Callback):
    """One CSV row an epoch; a resumed run goes on below the epochs that its checkpoint holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Runs after validation: all figures of the epoch are there."""
        figures = {name: round(float(value), 6) for name, value in sorted(trainer.callback_metrics.items())}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        row = {
            "epoch": str(trainer.current_epoch),
            "rate": f"{rate:.3g}",
            **{k: str(v) for k, v in figures.items()},
        }
        kept = [old for old in read_log(self.path) if int(old["epoch"]) < trainer.current_epoch]
        aside = self.path.with_suffix(".writing")
        with aside.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, list(row), restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows([*kept, row])
        aside.replace(self.path)


class _Report(Callback):
    """Tells the progress bar."""

    def __init__(self, progress: Progress, batches: int) -> None:
        self.progress, self.batches = progress, batches

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Called by Lightning after each step."""
        total = self.batches * (trainer.max_epochs or 0)
        self.progress("training", trainer.global_step, total)


def read_log(path: Path) -> list[dict[str, str]]:
    """The rows of a training's log; none if there is no log yet."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))
    except FileNotFoundError:
        return []


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

    Raises:
        TrainingError: if ``work`` holds a training of other data or options.
    """
    torch.set_num_threads(options.threads or os.cpu_count() or 1)
    work.mkdir(parents=True, exist_ok=True)
    _claim(work, f"{options.digest} {examples.fingerprint}")
    precision = {"auto": "bf16-mixed" if native_bf16() else "32-true", "32": "32-true", "bf16": "bf16-mixed"}[
        options.precision
    ]
    learnt, held = split(examples.imdb, options.validation_share, options.seed)
    batch = min(options.batch, len(learnt))
    torch.manual_seed(options.seed)
    model = PosterModel(examples, options, len(learnt) // batch)
    best = ModelCheckpoint(
        work, "best", monitor=CHOSEN_BY, mode="max", save_last=True, enable_version_counter=False
    )
    stop = EarlyStopping(CHOSEN_BY, mode="max", patience=options.patience)
    trainer = _trainer(
        options, precision, [best, stop, EpochLog(work / LOG_FILE), _Report(progress, model.steps)]
    )
    last = work / "last.ckpt"
    with warnings.catch_warnings():
        # about workers for loading (there is nothing to load) and about logging steps
        warnings.simplefilter("ignore")
        trainer.fit(
            model,
            _loader(learnt, batch, options.seed, len(examples)),
            DataLoader(_Subset(held), batch_size=256),
            ckpt_path=str(last) if last.is_file() else None,
        )
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


class _Subset(_Places):
    def __init__(self, places: Ints) -> None:
        super().__init__(len(places))
        self.places = places

    def __getitem__(self, place: int) -> int:
        return int(self.places[place])


def _loader(places: Ints, batch: int, seed: int, count: int) -> DataLoader[int]:
    return DataLoader(_Places(count), batch_size=batch, sampler=EpochSampler(places, seed), drop_last=True)


def _trainer(options: ViTOptions, precision: Any, callbacks: list[Callback]) -> lightning.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return lightning.Trainer(
        accelerator="auto",
        devices=1,
        precision=precision,
        max_epochs=options.epochs,
        callbacks=callbacks,
        gradient_clip_val=1.0,
        deterministic=True,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def _claim(work: Path, key: str) -> None:
    """Says in ``work`` what is trained there, or finds that it is something else."""
    path = work / "training.txt"
    if path.is_file():
        if path.read_text().strip() != key:
            raise TrainingError(
                f"{work} holds a training with other data or options: name another --work, or remove it"
            )
        return
    if (work / "last.ckpt").exists():
        raise TrainingError(f"{work} holds a checkpoint that does not say of what: name another --work")
    aside = path.with_suffix(".writing")
    aside.write_text(key + "\n")
    aside.replace(path)
