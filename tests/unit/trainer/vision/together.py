"""A process of a tiny training that ``torchrun`` starts; each keeps what it saw and what came of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from tests.unit.trainer.vision.tiny import examples, options
from trainer.vision.module import PosterModel
from trainer.vision.train import train_vit


def main(work: Path) -> None:
    """Trains in ``work`` and writes ``rank<n>.pt`` there."""
    seen: list[tuple[int, int, list[int]]] = []
    step = PosterModel.training_step
    facts: dict[str, Any] = {}

    def watched(self: PosterModel, places: Tensor, index: int) -> Tensor:
        seen.append((self.current_epoch, index, places.tolist()))
        facts.update(rank=dist.get_rank(), count=dist.get_world_size(), backend=dist.get_backend())
        return step(self, places, index)

    PosterModel.training_step = watched  # type: ignore[method-assign]
    made = train_vit(examples(), options(), work, lambda what, done, total: None)
    torch.save(
        {**facts, "seen": seen, "state": made.model.state_dict(), "figures": made.figures},
        work / f"rank{facts['rank']}.pt",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
