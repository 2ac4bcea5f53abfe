"""Posters small enough to learn from in a second: red ones are of one genre, those with a bar of another."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from handlers.vit import ViTConfig
from trainer.vision.examples import Examples
from trainer.vision.options import ViTOptions

MODEL = ViTConfig(image_height=32, image_width=16, patch=16, width=16, depth=1, heads=1, mlp_ratio=2)


def examples(n: int = 96) -> Examples:
    rng = np.random.default_rng(0)
    labels = (rng.random((n, 2)) < 0.4).astype(np.float32)
    made = []
    for height, width in ((32, 16), (40, 20)):
        images = np.random.default_rng(1).integers(0, 90, (n, height, width, 3), dtype=np.uint8)
        images[labels[:, 0] > 0, :, :, 0] += 120
        images[labels[:, 1] > 0, : height // 3] += 100
        made.append(images)
    direction = rng.standard_normal((2, 8)).astype(np.float32)
    cells = labels @ direction + 0.1 * rng.standard_normal((n, 8)).astype(np.float32)
    return Examples(
        imdb=tuple(f"tt{i:07d}" for i in range(n)),
        pixels=made[0],
        roomy=made[1],
        cells=np.repeat(cells[:, None, None], 2, axis=1).repeat(2, axis=2).astype(np.float16),
        text=np.concatenate([labels, rng.standard_normal((n, 4))], axis=1).astype(np.float32),
        genres=("Bar", "Red"),
        labels=labels[:, ::-1].copy(),
        fingerprint="tiny",
    )


def options(**chosen: object) -> ViTOptions:
    base = {
        "model": MODEL,
        "epochs": 2,
        "batch": 16,
        "threads": 1,
        "precision": "32",
        "validation_share": 0.25,
    }
    return ViTOptions.of(**{**base, **chosen})


def train_until(work: Path, step: int) -> None:
    """Trains two epochs; at ``step`` says so and waits to be killed."""
    from trainer.vision.train import train_vit

    def progress(what: str, done: int, total: int) -> None:
        if done == step:
            print("killme", flush=True)
            time.sleep(600)

    train_vit(examples(), options(), work, progress)


if __name__ == "__main__":
    train_until(Path(sys.argv[1]), int(sys.argv[2]))
