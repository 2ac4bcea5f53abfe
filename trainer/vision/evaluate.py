"""The linear probe on posters outside MovieLens: ours, random weights, the teacher, the majority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from trainer.evaluation.statistics import over_folds, paired
from trainer.progress import Progress
from trainer.vision.labelled import Labelled
from trainer.vision.probe import Probed, majority, probe, split_films

SPLITS = 5

Float32 = npt.NDArray[np.float32]


def compare(
    features: Mapping[str, Float32], outside: Labelled, seed: int, progress: Progress, splits: int = SPLITS
) -> dict[str, list[Probed]]:
    """For each kind of ``features`` ([posters, width], any width), a probe a split, on equal splits."""
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
