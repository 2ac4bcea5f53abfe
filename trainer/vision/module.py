"""The poster model in training: the ViT, its heads, its losses, as a Lightning module.

Every number drawn is a function of (seed, epoch, batch), so that a run that was killed and resumed goes on as
the one that was not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import lightning
import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch.utilities.types import LRSchedulerConfigType, OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.utils.data import Sampler
from torchmetrics.functional.classification import multilabel_average_precision

from handlers.vit import VisionTransformer
from trainer.processes import Processes
from trainer.vision.augment import augment
from trainer.vision.examples import Examples
from trainer.vision.losses import asymmetric, contrast, towards
from trainer.vision.options import ViTOptions

Ints = npt.NDArray[np.int64]
ALONE = Processes()


class EpochSampler(Sampler[int]):
    """Places in an order that hangs on (seed, epoch) alone; Lightning calls :meth:`set_epoch`.

    Of several processes each takes its share of every whole batch of ``batch`` places: together they see in a
    step what one alone would.
    """

    def __init__(self, places: Ints, seed: int, batch: int = 1, processes: Processes = ALONE) -> None:
        self.places, self.seed, self.epoch = places, seed, 0
        self.batch, self.processes = batch, processes

    def set_epoch(self, epoch: int) -> None:
        """Epoch whose order is asked for next, from 0."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.places))
        if self.processes.count > 1:
            whole = order[: len(order) // self.batch * self.batch].reshape(-1, self.batch)
            order = whole[:, self.processes.rank :: self.processes.count].ravel()
        yield from (int(i) for i in self.places[order])

    def __len__(self) -> int:
        if self.processes.count == 1:
            return len(self.places)
        return len(self.places) // self.batch * (self.batch // self.processes.count)


class PosterModel(lightning.LightningModule):
    """Batches are places in ``examples``: int64 [n]."""

    def __init__(
        self, examples: Examples, options: ViTOptions, steps: int, processes: Processes = ALONE
    ) -> None:
        super().__init__()
        self.examples, self.options, self.steps, self.processes = examples, options, steps, processes
        width, components = options.model.width, examples.cells.shape[-1]
        self.vit = VisionTransformer(options.model)
        self.genre_head = nn.Linear(width, len(examples.genres))
        self.text_head = nn.Linear(width, examples.text.shape[1])
        self.whole_head = nn.Linear(width, components)
        self.cell_head = nn.Linear(width, components)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self._scores: list[tuple[Tensor, Tensor]] = []

    def forward(self, pixels: Tensor) -> Tensor:
        """Tokens, as :class:`handlers.vit.VisionTransformer`."""
        tokens: Tensor = self.vit(pixels)
        return tokens

    def _of(self, array: npt.NDArray[Any], places: Tensor) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array[places.cpu().numpy()])).to(self.device)

    def _losses(self, pixels: Tensor, cells: Tensor, places: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        tokens = self.vit(pixels)
        cls, patches = tokens[:, 0], tokens[:, 1:]
        genres = self.genre_head(cls)
        losses = {
            "whole": towards(self.whole_head(cls), cells.mean(dim=1)),
            "cells": towards(self.cell_head(patches), cells),
            "genre": asymmetric(genres, self._of(self.examples.labels, places)),
            "contrast": contrast(self.text_head(cls), self._of(self.examples.text, places), self.log_scale),
        }
        o = self.options
        losses["loss"] = (
            o.distil * (losses["whole"] + losses["cells"])
            + o.genre * losses["genre"]
            + o.contrast * losses["contrast"]
        )
        return losses, genres

    def training_step(self, places: Tensor, index: int) -> Tensor:
        """One batch of augmented posters against what the teacher saw of them, mirrored where they are."""
        o = self.options
        # no two processes draw alike
        place = index * self.processes.count + self.processes.rank
        chance = torch.Generator().manual_seed((o.seed * 1_000_003 + self.current_epoch) * 100_003 + place)
        roomy = self._of(self.examples.roomy, places).permute(0, 3, 1, 2)
        pixels, mirrored = augment(
            roomy, o.model.image_height, o.model.image_width, o.smallest_crop, o.jitter, chance
        )
        cells = self._of(self.examples.cells, places).float()
        seen = torch.where(mirrored[:, None, None], cells[:, 1], cells[:, 0])
        losses, _ = self._losses(pixels, seen, places)
        for name, value in losses.items():
            self.log(
                f"train_{name}",
                value.detach(),
                on_step=False,
                on_epoch=True,
                batch_size=len(places),
                sync_dist=self.processes.count > 1,
            )
        return losses["loss"]

    def validation_step(self, places: Tensor, index: int) -> None:
        """Posters as they are served."""
        pixels = self._of(self.examples.pixels, places).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        cells = self._of(self.examples.cells, places)[:, 0].float()
        losses, genres = self._losses(pixels, cells, places)
        for name, value in losses.items():
            self.log(f"val_{name}", value, on_epoch=True, batch_size=len(places))
        self._scores.append((genres.float().cpu(), self._of(self.examples.labels, places).cpu()))

    def on_validation_epoch_end(self) -> None:
        """The figure by which the epoch is chosen: mean average precision over genres that occur."""
        scores, labels = (torch.cat(parts) for parts in zip(*self._scores, strict=True))
        self._scores.clear()
        each = multilabel_average_precision(
            torch.sigmoid(scores), labels.long(), num_labels=labels.shape[1], average="none"
        )
        self.log("val_map", each[labels.sum(0) > 0].mean())

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW; norms, biases and positions do not decay. The rate warms up, stays, and cools down.

        Source: Hägele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations
        (2024), section 3: as good as a cosine, and a longer run begins as a shorter one does.
        """
        o = self.options
        decayed = [
            p
            for name, p in self.named_parameters()
            if p.ndim >= 2 and "positions" not in name and "cls" not in name
        ]
        chosen = {id(p) for p in decayed}
        others = [p for p in self.parameters() if id(p) not in chosen]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": o.decay}, {"params": others, "weight_decay": 0.0}], lr=o.rate
        )
        total, warm, cool = (epochs * self.steps for epochs in (o.epochs, o.warmup, o.cooldown * o.epochs))

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / max(1.0, warm)
            return 1 - math.sqrt(min(1.0, max(0.0, (step - (total - cool)) / max(1.0, cool))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": LRSchedulerConfigType(scheduler=schedule, interval="step"),
        }
