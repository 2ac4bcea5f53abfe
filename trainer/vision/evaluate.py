"""The linear probe on posters outside MovieLens: ours, random weights, the teacher, the majority."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from handlers.pixels import normalise
from handlers.vit import VisionTransformer
from trainer.data.posters import Pixels, labelled_posters, movielens_ids, packed
from trainer.evaluation.statistics import over_folds, paired
from trainer.progress import Progress
from trainer.vision.features import pooled_features
from trainer.vision.probe import Probed, majority, probe, split_films
from trainer.vision.teacher import WEIGHTS

SPLITS = 5
LEAST_OF_A_GENRE = 20
"""Genres of fewer posters are left out: a fifth of them says nothing."""

Float32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Outside:
    """Labelled posters of films that are in no MovieLens set."""

    films: tuple[str, ...]
    pixels: Pixels
    genres: tuple[str, ...]
    labels: Bools
    teacher: Float32
    """[n, 1280]"""


def load_outside(
    data: Path, height: int, width: int, cache: Path, progress: Progress, limit: int = 0
) -> Outside:
    """The posters that the probe is about; of a trial with a ``limit`` the first ones only.

    Raises:
        DataError: naming file and row, if a table, poster or weight file is missing or bad.
    """
    found = labelled_posters(data, movielens_ids(data))
    posters, labels = found.posters[: limit or None], found.labels[: limit or None]
    kept = labels.sum(axis=0) >= min(LEAST_OF_A_GENRE, max(2, len(posters) // 20))
    return Outside(
        films=tuple(poster.imdb for poster in posters),
        pixels=packed(posters, height, width, cache, progress),
        genres=tuple(genre for genre, keep in zip(found.genres, kept, strict=True) if keep),
        labels=labels[:, kept],
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


def compare(
    network: VisionTransformer, outside: Outside, seed: int, progress: Progress, splits: int = SPLITS
) -> dict[str, list[Probed]]:
    """For each kind of features, one probe a split; all on the same splits."""
    torch.manual_seed(seed)
    random = VisionTransformer(network.config).eval()
    features = {
        "vit": frozen_features(network, outside.pixels, progress),
        "random_vit": frozen_features(random, outside.pixels, progress),
        "teacher": outside.teacher,
    }
    probed: dict[str, list[Probed]] = {name: [] for name in (*features, "majority")}
    total = splits * len(features)
    for split in range(splits):
        parts = split_films(outside.films, seed + split)
        for name, one in features.items():
            probed[name].append(probe(one, outside.labels, parts, outside.genres))
            progress("probing", sum(map(len, probed.values())) - split, total)
        probed["majority"].append(majority(outside.labels, parts, outside.genres))
    return probed


def probe_figures(probed: dict[str, list[Probed]]) -> dict[str, float]:
    """Percent of mean average precision of each kind, half its interval over splits, paired differences."""
    out: dict[str, float] = {}
    maps = {name: np.array([100 * one.map for one in found]) for name, found in probed.items()}
    for name, values in maps.items():
        interval = over_folds(values)
        out[f"probe_{name}"] = round(interval.mean, 2)
        if len(values) > 1:
            out[f"probe_{name}_half_interval"] = round(interval.high - interval.mean, 2)
    if len(maps["vit"]) > 1:
        for name in ("random_vit", "teacher"):
            found = paired(maps["vit"], maps[name])
            out[f"probe_vit_minus_{name}"] = round(found.difference.mean, 2)
            out[f"probe_vit_is_{name}_p"] = float(f"{found.p_t:.2g}")
    return out


def by_genre(probed: dict[str, list[Probed]], genres: Sequence[str]) -> dict[str, dict[str, float]]:
    """Genre -> kind -> percent of average precision, over the splits whose test part has the genre."""
    return {
        genre: {
            name: round(100 * float(np.mean([one.each[genre] for one in found if genre in one.each])), 1)
            for name, found in probed.items()
            if any(genre in one.each for one in found)
        }
        for genre in genres
    }
