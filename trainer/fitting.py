"""What every training by Lightning shares: a folder of its own, a log that is resumed, a quiet trainer."""

from __future__ import annotations

import csv
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import Dataset

from trainer.exceptions import TrainingError
from trainer.processes import Processes
from trainer.progress import Progress

LOG_FILE, CLAIM_FILE, LAST_FILE = "log.csv", "training.txt", "last.ckpt"
BOARD_FOLDER = "tensorboard"


class Places(Dataset[int]):
    """A batch is places, 0 to ``count``; the module holds the arrays."""

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
        if not trainer.is_global_zero:
            return
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


class BoardLog(TensorBoardLogger):
    """The same curves for TensorBoard; on disk at once, so that a killed run keeps them."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Called by Lightning when an epoch or its validation has ended."""
        super().log_metrics(metrics, step)
        self.experiment.flush()


class StepReport(Callback):
    """Tells the progress bar; an epoch has ``steps`` steps."""

    def __init__(self, progress: Progress, what: str, steps: int) -> None:
        self.progress, self.what, self.steps = progress, what, steps

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Called by Lightning after each step."""
        if not trainer.is_global_zero:
            return
        self.progress(self.what, trainer.global_step, self.steps * (trainer.max_epochs or 0))


def read_log(path: Path) -> list[dict[str, str]]:
    """The rows of a training's log; none if there is no log yet."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))
    except FileNotFoundError:
        return []


def claim(work: Path, key: str) -> None:
    """Says in ``work`` what is trained there: another training's checkpoint must not be gone on with.

    Raises:
        TrainingError: it is another training's, or holds a checkpoint that does not say of what.
    """
    path = work / CLAIM_FILE
    if path.is_file():
        if path.read_text().strip() != key:
            raise TrainingError(
                f"{work} holds a training with other data or options: name another --work, or remove it"
            )
        return
    if (work / LAST_FILE).exists():
        raise TrainingError(f"{work} holds a checkpoint that does not say of what: name another --work")
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(key + "\n")
    aside.replace(path)


def quiet_trainer(
    epochs: int, callbacks: list[Callback], work: Path, processes: Processes, **options: Any
) -> lightning.Trainer:
    """One device a process, deterministic; says nothing but to TensorBoard's log in ``work``.

    Samplers share the work out by themselves; what they do not share, every process does.

    Args:
        options: Lightning's.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    # devices may be GPUs or cores: Lightning takes gloo for these and nccl for those
    if processes.count > 1:
        options = {**options, "strategy": "ddp", "num_nodes": processes.count // processes.here}
    return lightning.Trainer(
        max_epochs=epochs,
        devices=processes.here,
        use_distributed_sampler=False,
        callbacks=callbacks,
        gradient_clip_val=1.0,
        deterministic=True,
        logger=BoardLog(
            work, name="", version=BOARD_FOLDER, default_hp_metric=False, filename_suffix=f".{time.time_ns()}"
        ),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **options,
    )
