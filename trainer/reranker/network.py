"""The re-ranker's network and how it learns: a linear part plus a small perceptron, listwise softmax."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from trainer.reranker.lists import Lists

Float32 = npt.NDArray[np.float32]

CLIP = 5.0
"""Standardised features are cut to -CLIP..CLIP, so that nothing unforeseen runs away."""

MANY_LISTS = 15_000
"""From which on more is learnt from them."""


@dataclass(frozen=True)
class LearningOptions:
    """How one member of the ensemble learns."""

    hidden: tuple[int, int] = (32, 16)
    epochs: int = 8
    rate: float = 3e-3
    decay: float = 1e-3
    dropout: float = 0.1
    batch: int = 96
    seed: int = 0


def options_for(lists: int, seed: int) -> LearningOptions:
    """What is learnt from so many lists: with many, more weights for longer.

    On validation lists of ML-1M (24,160) that gains 0.0017 of NDCG@10; on those of ML-100K (4,715) nothing.
    """
    if lists < MANY_LISTS:
        return LearningOptions(seed=seed)
    return LearningOptions(hidden=(64, 32), epochs=16, seed=seed)


class Network(nn.Module):
    """float32 [..., features] -> [...]; at birth it orders as the first stage does."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, options: LearningOptions) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        width = len(mean)
        first, second = options.hidden
        self.linear = nn.Linear(width, 1)
        self.first = nn.Linear(width, first)
        self.second = nn.Linear(first, second)
        self.last = nn.Linear(second, 1)
        self.dropout = nn.Dropout(options.dropout)
        with torch.no_grad():
            self.linear.weight.zero_()
            self.linear.weight[0, 0] = 1.0  # column 0 is the first-stage score
            self.linear.bias.zero_()
            self.last.weight.zero_()
            self.last.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Scores, the larger the better."""
        x = ((x - self.mean) / self.deviation).clamp(-CLIP, CLIP)
        hidden = self.dropout(nn.functional.gelu(self.first(x)))
        hidden = nn.functional.gelu(self.second(hidden))
        out: Tensor = (self.linear(x) + self.last(hidden)).squeeze(-1)
        return out


def _moments(features: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    rows = features[present].double()
    return rows.mean(0).float(), (rows.std(0) + 1e-6).float()


def learn(lists: Lists, options: LearningOptions) -> Network:
    """A network from lists, by AdamW under a one-cycle rate; the same lists and seed give the same weights.

    The loss of a list is -sum over its relevant items of log softmax, over the square root of their number:
    lists with many weigh more, but not in proportion.
    """
    torch.manual_seed(options.seed)
    some = lists.relevant.any(axis=1)
    x, t = torch.from_numpy(lists.features[some]), torch.from_numpy(lists.relevant[some].astype(np.float32))
    present = torch.from_numpy(lists.items[some] >= 0)
    network = Network(*_moments(x, present), options)
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=options.decay)
    steps = options.epochs * -(-len(x) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, steps)
    network.train()
    for _ in range(options.epochs):
        for rows in torch.split(torch.randperm(len(x)), options.batch):
            scores = network(x[rows]).masked_fill(~present[rows], -1e9)
            target = t[rows]
            logs = torch.log_softmax(scores, dim=1)
            loss = (-(target * logs).sum(1) / target.sum(1).sqrt()).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return network.eval()


def score(networks: list[Network], lists: Lists) -> Float32:
    """[n, m]: mean of the networks' scores."""
    with torch.inference_mode():
        x = torch.from_numpy(lists.features)
        out = torch.stack(
            [torch.cat([network(part) for part in torch.split(x, 512)]) for network in networks]
        )
    result: Float32 = out.mean(0).numpy()
    return result
