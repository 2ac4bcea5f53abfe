"""Trains the correction: a checkpoint after each epoch, resumed from the last one to the same result."""

from __future__ import annotations

import hashlib
import logging
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, Dataset

from handlers.fusion import FusionTransformer
from trainer.exceptions import TrainingError
from trainer.fusion.frozen import Frozen
from trainer.fusion.module import CorrectionModule, EpochDraw, Lesson, Score
from trainer.fusion.options import FusionOptions
from trainer.space.embed import Progress
from trainer.vision.train import EpochLog

LOG_FILE, CLAIM_FILE, CHOSEN_BY = "log.csv", "training.txt", "val_ndcg"
FINAL_FILE, DONE_FILE = "final.ckpt", "done.txt"


@dataclass(frozen=True)
class Judge:
    """Films that the correction does not learn from, and how they are to rank."""

    films: Frozen
    score: Score


class _Places(Dataset[int]):
    """A batch is places; the module holds the arrays."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> int:
        return place


class _Report(Callback):
    """Tells the progress bar."""

    def __init__(self, progress: Progress, what: str, steps: int) -> None:
        self.progress, self.what, self.steps = progress, what, steps

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Called by Lightning after each step."""
        self.progress(self.what, trainer.global_step, self.steps * (trainer.max_epochs or 0))


def _claim(work: Path, lesson: Lesson, options: FusionOptions, epochs: int) -> None:
    """A folder belongs to one training: another one's checkpoint must not be gone on with."""
    digest = hashlib.sha256(repr((options, epochs)).encode())
    for part in (lesson.films.words, lesson.films.side, lesson.films.patches, lesson.targets, lesson.counts):
        digest.update(np.ascontiguousarray(part).tobytes())
    claim = work / CLAIM_FILE
    if claim.is_file() and claim.read_text() != digest.hexdigest():
        raise TrainingError(f"{work} holds a training of other data or options: remove it, or name another")
    claim.write_text(digest.hexdigest())


def train_correction(
    fusion: FusionTransformer,
    lesson: Lesson,
    options: FusionOptions,
    work: Path,
    epochs: int,
    progress: Progress,
    judge: Judge | None = None,
) -> int:
    """Trains ``fusion`` in place, in folder ``work``; the number of epochs that its weights saw.

    With a judge the weights are those of the best epoch (and training stops ``patience`` after it);
    without one those of the last.

    Raises:
        TrainingError: if ``work`` holds a training of other data or options.
    """
    torch.set_num_threads(options.threads)
    work.mkdir(parents=True, exist_ok=True)
    _claim(work, lesson, options, epochs)
    draw = EpochDraw(lesson.counts, options.films_an_epoch, options.seed)
    batch = min(options.batch, len(draw))
    loader = DataLoader(
        _Places(len(lesson.films)), batch_size=batch, sampler=draw, drop_last=True, collate_fn=torch.tensor
    )
    module = CorrectionModule(
        fusion, lesson, options, judge.films if judge else None, judge.score if judge else None
    )
    keep = ModelCheckpoint(
        work,
        "best",
        monitor=CHOSEN_BY if judge else None,
        mode="max",
        save_last=True,
        enable_version_counter=False,
    )
    callbacks: list[Callback] = [
        keep,
        EpochLog(work / LOG_FILE),
        _Report(progress, _what(judge), len(loader)),
    ]
    if judge:
        callbacks.append(EarlyStopping(CHOSEN_BY, mode="max", patience=options.patience))
    judged = DataLoader(_Places(len(judge.films)), batch_size=256, collate_fn=torch.tensor) if judge else None
    done, last = work / DONE_FILE, work / "last.ckpt"
    if done.is_file():
        return _load(module, work, int(done.read_text()))
    with warnings.catch_warnings():
        # about workers for loading (there is nothing to load) and about logging steps
        warnings.simplefilter("ignore")
        trainer = _trainer(epochs, callbacks)
        trainer.fit(module, loader, judged, ckpt_path=str(last) if last.is_file() else None)
    shutil.copyfile(keep.best_model_path if judge else last, work / FINAL_FILE)
    epoch = int(torch.load(work / FINAL_FILE, map_location="cpu", weights_only=True)["epoch"]) + 1
    done.write_text(str(epoch))
    return _load(module, work, epoch)


def _load(module: CorrectionModule, work: Path, epoch: int) -> int:
    """A training that has ended is not gone on with, whatever was killed after it."""
    state = torch.load(work / FINAL_FILE, map_location="cpu", weights_only=True)["state_dict"]
    module.load_state_dict(state)
    module.fusion.eval()
    return epoch


def _what(judge: Judge | None) -> str:
    return "fusing (validation)" if judge else "fusing"


def _trainer(epochs: int, callbacks: list[Callback]) -> lightning.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        callbacks=callbacks,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        deterministic=True,
    )
