"""The fusion transformer in training, as a Lightning module over cached token states.

Every number drawn is a function of (seed, epoch, batch), so that a run that was killed and resumed goes on as
the one that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import lightning
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.utils.data import Sampler

from handlers.fusion import FusionTransformer
from trainer.fusion.frozen import Frozen
from trainer.fusion.options import ALL, VARIANTS, FusionOptions

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Score = Callable[[Float64], float]
"""How well the films to be judged rank with corrections [films, dim] added to their base."""

TEMPERATURE = 20.0
"""Of the ranking loss: inner products of unit profiles and vectors are small."""
USERS_A_BATCH = 256


@dataclass(frozen=True)
class Lesson:
    """What the correction learns from: n rated films, and what the base says when it does not know them."""

    films: Frozen
    held_out: dict[str, Float64]
    """Variant -> [n, dim]."""
    targets: Float64
    """[n, dim]: collaborative vectors."""
    counts: Int64
    """[n] > 0."""
    profiles: Float64
    """[users, dim]."""
    liked: sp.csr_matrix
    """[users, n]."""


class EpochDraw(Sampler[int]):
    """Films by the square root of their ratings, drawn by (seed, epoch); Lightning calls ``set_epoch``."""

    def __init__(self, counts: Int64, films: int, seed: int) -> None:
        self.chances = np.sqrt(counts) / np.sqrt(counts).sum()
        self.films, self.seed, self.epoch = min(films, len(counts)), seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Epoch whose films are asked for next, from 0."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self.seed, self.epoch))
        yield from random.choice(len(self.chances), self.films, replace=False, p=self.chances).tolist()

    def __len__(self) -> int:
        return self.films


class CorrectionModule(lightning.LightningModule):
    """Batches are places in ``lesson``, in validation places in ``judged``: int64 [n]."""

    def __init__(
        self,
        fusion: FusionTransformer,
        lesson: Lesson,
        options: FusionOptions,
        judged: Frozen | None = None,
        score: Score | None = None,
    ) -> None:
        super().__init__()
        self.fusion, self.lesson, self.options = fusion, lesson, options
        self.judged, self.score = judged, score
        spread = lesson.targets - lesson.targets.mean(axis=0)
        self.spread = float(np.square(spread).sum(axis=1).mean())
        lengths = np.linalg.norm(lesson.profiles, axis=1)
        self.users = np.flatnonzero((lengths > 0) & (np.asarray(lesson.liked.sum(axis=1)).ravel() > 0))
        self.unit_profiles = lesson.profiles / np.maximum(lengths, 1e-12)[:, None]
        self.liked = lesson.liked.tocsc()
        self._corrections: list[Tensor] = []

    def on_train_batch_start(self, batch: Tensor, batch_idx: int) -> None:
        """Dropout of this batch hangs on nothing before it."""
        random = np.random.default_rng((self.options.seed, self.current_epoch, batch_idx))
        torch.manual_seed(int(random.integers(2**62)))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Squared error against the targets, and how liked films rank among the batch's."""
        rows: Int64 = batch.cpu().numpy()
        random = np.random.default_rng((self.options.seed, self.current_epoch, batch_idx, 1))
        chances = [1 - sum(self.options.leave_out), *self.options.leave_out]
        variants = random.choice(len(VARIANTS), len(rows), p=chances)
        names = [VARIANTS[i] for i in variants]
        base = np.stack([self.lesson.held_out[name][row] for name, row in zip(names, rows, strict=True)])
        said = torch.from_numpy(base.astype(np.float32)) + self.fusion(
            **self.lesson.films.batch(rows.tolist(), names)
        )
        wanted = torch.from_numpy(self.lesson.targets[rows].astype(np.float32))
        loss: Tensor = (said - wanted).square().sum(dim=1).mean() / self.spread
        self.log("loss", loss, on_step=False, on_epoch=True, batch_size=len(rows))
        if self.options.ranking:
            users = random.choice(self.users, min(USERS_A_BATCH, len(self.users)), replace=False)
            ranking = self._ranking(said, rows, users)
            self.log("ranking", ranking, on_step=False, on_epoch=True, batch_size=len(rows))
            loss = loss + self.options.ranking * ranking
        return loss

    def _ranking(self, said: Tensor, rows: Int64, users: Int64) -> Tensor:
        """Softmax cross-entropy over the batch's films of what each user liked among them."""
        liked = torch.from_numpy(self.liked[:, rows][users].toarray().astype(np.float32))
        asking = torch.from_numpy(self.unit_profiles[users].astype(np.float32))
        shares = torch.log_softmax(TEMPERATURE * asking @ said.T, dim=1)
        return -(liked * shares).sum() / liked.sum().clamp(min=1.0)

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Keeps corrections until all are there."""
        assert self.judged is not None
        rows = batch.cpu().numpy()
        self._corrections.append(self.fusion(**self.judged.batch(rows.tolist(), [ALL] * len(rows))))

    def on_validation_epoch_end(self) -> None:
        """Logs ``val_ndcg``."""
        assert self.score is not None
        said = torch.cat(self._corrections).double().numpy()
        self._corrections.clear()
        self.log("val_ndcg", self.score(said))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW."""
        rate, decay = self.options.learning_rate, self.options.weight_decay
        return torch.optim.AdamW(self.fusion.parameters(), lr=rate, weight_decay=decay)
