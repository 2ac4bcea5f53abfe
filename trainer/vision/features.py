"""What the teacher sees in each poster, computed once and cached.

Posters go in at twice the student's size, so that the teacher's cells (32 pixels wide) are the student's
patches (16 pixels). Each poster is seen as it is and mirrored: a consistent teacher looks at what the student
looks at (Beyer et al., Knowledge distillation: a good teacher is patient and consistent, 2021).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from handlers.checksums import file_sha256
from handlers.pixels import prepare
from trainer.data.posters import Poster, cached_array, fingerprint, read_poster
from trainer.exceptions import DataError
from trainer.progress import Progress
from trainer.vision.teacher import WIDTH, Teacher, load_teacher

COMPONENTS = 256
FITTED_ON = 768
"""Posters whose cells the components are fitted on."""
REVISION = 1
BATCH = 16

Float16 = npt.NDArray[np.float16]
Float32 = npt.NDArray[np.float32]


def teacher_cells(
    posters: Sequence[Poster],
    weights: Path,
    height: int,
    width: int,
    cache: Path,
    progress: Progress,
    components: int = COMPONENTS,
) -> Float16:
    """float16 [n, 2, rows x columns, components] at ``height`` x ``width`` pixels (multiples of 32).

    Principal components of each cell's features, as the posters are and mirrored; their mean is about 0.

    Raises:
        DataError: if the weights or a poster cannot be read.
    """

    def fill(into: npt.NDArray[Any]) -> None:
        teacher = _teacher(weights)
        basis = _components(teacher, posters, height, width, components)
        for start in range(0, len(posters), BATCH):
            maps = _maps(teacher, posters[start : start + BATCH], height, width, mirrored=True)
            n = len(maps) // 2
            both = np.stack([maps[:n], maps[n:]], axis=1)
            into[start : start + n] = ((both - basis.mean) @ basis.matrix).astype(np.float16)
            progress("asking the teacher", start + n, len(posters))

    shape = (len(posters), 2, (height // 32) * (width // 32), components)
    key = f"{fingerprint(posters)}|{_digest(weights)}|{height}x{width}|{components}"
    return cached_array(_file(cache, key, "cells"), shape, np.dtype(np.float16), fill).astype(
        np.float16, copy=False
    )


def pooled_features(
    posters: Sequence[Poster], weights: Path, height: int, width: int, cache: Path, progress: Progress
) -> Float32:
    """float32 [n, 1280]: what MobileNetV2 classifies by, of the posters as they are.

    Raises:
        DataError: if the weights or a poster cannot be read.
    """

    def fill(into: npt.NDArray[Any]) -> None:
        teacher = _teacher(weights)
        for start in range(0, len(posters), BATCH):
            maps = _maps(teacher, posters[start : start + BATCH], height, width, mirrored=False)
            into[start : start + len(maps)] = maps.mean(axis=1)
            progress("asking the teacher", start + len(maps), len(posters))

    key = f"{fingerprint(posters)}|{_digest(weights)}|{height}x{width}"
    path = _file(cache, key, "pooled")
    return cached_array(path, (len(posters), WIDTH), np.dtype(np.float32), fill).astype(
        np.float32, copy=False
    )


def _digest(weights: Path) -> str:
    try:
        return file_sha256(weights)
    except OSError as error:
        raise DataError(weights, f"cannot be read: {error.strerror}") from None


def _file(cache: Path, key: str, what: str) -> Path:
    return cache / f"teacher-{hashlib.sha256(f'{REVISION}|{key}'.encode()).hexdigest()[:24]}-{what}.npy"


def _teacher(weights: Path) -> Teacher:
    return load_teacher(weights).to(memory_format=torch.channels_last)


@dataclass(frozen=True)
class _Basis:
    mean: Float32
    matrix: Float32


def _components(
    teacher: Teacher, posters: Sequence[Poster], height: int, width: int, components: int
) -> _Basis:
    """Principal components of cells, each scaled by its deviation to the power -1/2.

    Between plain components, where the few largest are all that counts, and whitened ones, where noise does.
    """
    chosen = np.random.default_rng(0).permutation(len(posters))[:FITTED_ON]
    cells = np.concatenate(
        [
            _maps(teacher, [posters[i] for i in chosen[s : s + BATCH]], height, width, False).reshape(
                -1, WIDTH
            )
            for s in range(0, len(chosen), BATCH)
        ]
    ).astype(np.float64)
    mean = cells.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(cells - mean, rowvar=False))
    order = np.argsort(values)[::-1][:components]
    scale = np.maximum(values[order], 1e-9) ** -0.25
    matrix = vectors[:, order] * scale
    matrix /= np.sqrt(((cells[:2000] - mean) @ matrix).var(axis=0).mean())
    return _Basis(mean.astype(np.float32), matrix.astype(np.float32))


def _maps(teacher: Teacher, posters: Sequence[Poster], height: int, width: int, mirrored: bool) -> Float32:
    """float32 [n, cells, 1280]; with ``mirrored`` [2 n, cells, 1280], the mirrored ones last."""
    pixels = torch.from_numpy(prepare([read_poster(one)[1] for one in posters], height, width))
    if mirrored:
        pixels = torch.cat([pixels, pixels.flip(-1)])
    with torch.inference_mode():
        maps = teacher(pixels.to(memory_format=torch.channels_last))
    out: Float32 = maps.flatten(2).transpose(1, 2).contiguous().numpy()
    return out
