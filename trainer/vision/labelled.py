"""Posters with genre labels, outside MovieLens and of its films, and frozen features of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from handlers.pixels import normalise
from handlers.vit import VisionTransformer
from trainer.data.posters import Pixels, Poster, labelled_posters, movielens_ids, packed
from trainer.exceptions import DataError
from trainer.progress import Progress
from trainer.vision.features import pooled_features
from trainer.vision.teacher import WEIGHTS

LEAST_OF_A_GENRE = 20
"""Genres of fewer posters are left out: a fifth of them says nothing."""

Float32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Labelled:
    """n labelled posters; arrays are in the films' order."""

    films: tuple[str, ...]
    """IMDb ids."""
    pixels: Pixels
    """uint8 [n, height, width, 3]"""
    genres: tuple[str, ...]
    labels: Bools
    """[n, genres]"""
    teacher: Float32
    """[n, 1280]"""


def load_outside(
    data: Path, height: int, width: int, cache: Path, progress: Progress, limit: int = 0
) -> Labelled:
    """Posters of films that are in no MovieLens set; of a trial with a ``limit`` the first ones only.

    Raises:
        DataError: naming file and row, if a table, poster or weight file is missing or bad.
    """
    found = labelled_posters(data, movielens_ids(data))
    posters, labels = found.posters[: limit or None], found.labels[: limit or None]
    kept = labels.sum(axis=0) >= min(LEAST_OF_A_GENRE, max(2, len(posters) // 20))
    genres = tuple(genre for genre, keep in zip(found.genres, kept, strict=True) if keep)
    return _seen(posters, genres, labels[:, kept], data, (height, width), cache, progress)


def load_inside(
    data: Path, genres: Sequence[str], height: int, width: int, cache: Path, progress: Progress
) -> Labelled:
    """Posters of films that are in some MovieLens set, labelled by ``genres`` alone.

    Raises:
        DataError: naming file and row, if a table, poster or weight file is missing or bad, or none is such.
        ValueError: if the table does not know one of ``genres``.
    """
    found, known = labelled_posters(data), movielens_ids(data)
    kept = [place for place, poster in enumerate(found.posters) if poster.imdb in known]
    if not kept:
        raise DataError(found.posters[0].table, "labels no poster of a MovieLens film")
    columns = [found.genres.index(genre) for genre in genres]
    posters, labels = [found.posters[place] for place in kept], found.labels[np.ix_(kept, columns)]
    return _seen(posters, tuple(genres), labels, data, (height, width), cache, progress)


def _seen(
    posters: Sequence[Poster],
    genres: tuple[str, ...],
    labels: Bools,
    data: Path,
    size: tuple[int, int],
    cache: Path,
    progress: Progress,
) -> Labelled:
    height, width = size
    return Labelled(
        films=tuple(poster.imdb for poster in posters),
        pixels=packed(posters, height, width, cache, progress),
        genres=genres,
        labels=labels,
        teacher=pooled_features(posters, data / WEIGHTS, 2 * height, 2 * width, cache, progress),
    )


def frozen_features(network: VisionTransformer, pixels: Pixels, progress: Progress) -> Float32:
    """CLS and the mean of the patches: float32 [n, 2 x width]."""
    out = np.zeros((len(pixels), 2 * network.config.width), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(pixels), 64):
            tokens = network(torch.from_numpy(normalise(np.asarray(pixels[start : start + 64]))))
            both = torch.cat([tokens[:, 0], tokens[:, 1:].mean(dim=1)], dim=1)
            out[start : start + len(both)] = both.numpy()
            progress("looking at posters", min(start + 64, len(pixels)), len(pixels))
    return out


def kinds_of_features(
    network: VisionTransformer, labelled: Labelled, seed: int, progress: Progress
) -> dict[str, Float32]:
    """What is compared, each [n, its width]: ours, its shape with random weights, the teacher."""
    torch.manual_seed(seed)
    random = VisionTransformer(network.config).eval()
    return {
        "vit": frozen_features(network, labelled.pixels, progress),
        "random_vit": frozen_features(random, labelled.pixels, progress),
        "teacher": labelled.teacher,
    }
