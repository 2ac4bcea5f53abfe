"""Trains the correction: a checkpoint after each epoch, resumed from the last one to the same result."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader

from handlers.fusion import FusionTransformer
from trainer.exceptions import TrainingError
from trainer.fitting import LAST_FILE, LOG_FILE, EpochLog, Places, StepReport, claim, quiet_trainer
from trainer.fusion.frozen import Frozen
from trainer.fusion.module import CorrectionModule, EpochDraw, Lesson, Score
from trainer.fusion.options import FusionOptions
from trainer.processes import Processes
from trainer.progress import Progress

CHOSEN_BY = "val_ndcg"
FINAL_FILE, DONE_FILE = "final.ckpt", "done.txt"


@dataclass(frozen=True)
class Judge:
    """Films that the correction does not learn from, and how they are to rank."""

    films: Frozen
    score: Score


def _key(lesson: Lesson, options: FusionOptions, epochs: int) -> str:
    """Names the training: its data and its options."""
    digest = hashlib.sha256(repr((options, epochs)).encode())
    for part in (lesson.films.words, lesson.films.side, lesson.films.patches, lesson.targets, lesson.counts):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


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
        TrainingError: if ``work`` holds a training of other data or options, or torchrun started this.
    """
    torch.set_num_threads(options.threads)
    processes = Processes.of_environment()
    if processes.count > 1:
        raise TrainingError("this training runs in one process; start it without torchrun")
    work.mkdir(parents=True, exist_ok=True)
    claim(work, _key(lesson, options, epochs))
    draw = EpochDraw(lesson.counts, options.films_an_epoch, options.seed)
    batch = min(options.batch, len(draw))
    loader = DataLoader(
        Places(len(lesson.films)), batch_size=batch, sampler=draw, drop_last=True, collate_fn=torch.tensor
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
        StepReport(progress, _what(judge), len(loader)),
    ]
    if judge:
        callbacks.append(EarlyStopping(CHOSEN_BY, mode="max", patience=options.patience))
    judged = DataLoader(Places(len(judge.films)), batch_size=256, collate_fn=torch.tensor) if judge else None
    done, last = work / DONE_FILE, work / LAST_FILE
    if done.is_file():
        return _load(module, work, int(done.read_text()))
    with warnings.catch_warnings():
        # about workers for loading (there is nothing to load) and about logging steps
        warnings.simplefilter("ignore")
        trainer = quiet_trainer(epochs, callbacks, work, processes, accelerator="cpu")
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
