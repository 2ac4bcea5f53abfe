"""Probes that learn from posters of MovieLens films and are scored on all labelled posters outside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.progress import Progress
from trainer.vision.labelled import LEAST_OF_A_GENRE, Labelled
from trainer.vision.probe import Parts, Probed, majority, probe, split_films
from trainer.vision.resampled import RESAMPLES, interval_of, resampled_maps

Bools = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Learnt:
    """One probe a kind of features, all learnt from and scored on the same posters."""

    probed: dict[str, Probed]
    genres: tuple[str, ...]
    """That enough posters have, both of MovieLens and outside."""
    labels: Bools
    """[posters outside, genres]"""
    learnt_from: int
    chosen_by: int
    """Posters of MovieLens that the penalty was chosen by."""


def probe_from_inside(
    inside_features: Mapping[str, Float32],
    outside_features: Mapping[str, Float32],
    inside: Labelled,
    outside: Labelled,
    seed: int,
    progress: Progress,
    least: int = LEAST_OF_A_GENRE,
) -> Learnt:
    """Of each kind of features ([posters, width], any width) what a probe learns inside and gets outside.

    Four fifths of the films inside, by a hash of (seed, film), are learnt from, one chooses the penalty.
    Genres of fewer than ``least`` posters inside are left out: what is hardly ever seen cannot be learnt.

    Raises:
        ValueError: if the two sides are labelled by other genres, or none is left.
    """
    if inside.genres != outside.genres:
        raise ValueError(f"{inside.genres} inside are not {outside.genres} outside")
    kept = inside.labels.sum(axis=0) >= least
    genres = tuple(genre for genre, keep in zip(inside.genres, kept, strict=True) if keep)
    if not genres:
        raise ValueError(f"no genre has {least} posters of MovieLens films")
    labels = np.concatenate([inside.labels[:, kept], outside.labels[:, kept]])
    parts = _parts(inside, len(outside.films), seed)
    probed = {"majority": majority(labels, parts, genres)}
    for name, features in inside_features.items():
        both = np.concatenate([features, outside_features[name]])
        probed[name] = probe(both, labels, parts, genres)
        progress("probing from MovieLens", len(probed) - 1, len(inside_features))
    return Learnt(
        probed, genres, outside.labels[:, kept], int(parts.train.sum()), int(parts.validation.sum())
    )


def _parts(inside: Labelled, outside: int, seed: int) -> Parts:
    """Inside what is learnt from and chosen by, and all of the ``outside`` posters after it the test."""
    held = split_films(inside.films, seed).validation
    none, test = np.zeros(outside, dtype=np.bool_), np.ones(outside, dtype=np.bool_)
    return Parts(
        train=np.concatenate([~held, none]),
        validation=np.concatenate([held, none]),
        test=np.concatenate([np.zeros(len(held), dtype=np.bool_), test]),
    )


def inside_figures(learnt: Learnt, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Percent of mean average precision of each kind, our network's differences, and how sure they are.

    Intervals are of 95%, bootstrapped over the posters outside; differences are of equal posters.
    """
    drawn = {
        name: 100 * resampled_maps(one.scores, learnt.labels, resamples)
        for name, one in learnt.probed.items()
    }
    maps = {name: 100 * one.map for name, one in learnt.probed.items()}
    return {
        "learnt_from": learnt.learnt_from,
        "penalty_chosen_by": learnt.chosen_by,
        "tested_on": len(learnt.labels),
        "genres": {
            genre: {name: round(100 * one.each[genre], 1) for name, one in learnt.probed.items()}
            for genre in learnt.genres
        },
        "map": {name: str(interval_of(maps[name], drawn[name])) for name in sorted(maps)},
        "difference": {
            f"vit_minus_{name}": str(interval_of(maps["vit"] - maps[name], drawn["vit"] - drawn[name]))
            for name in sorted(maps)
            if name not in ("vit", "majority")
        },
    }
