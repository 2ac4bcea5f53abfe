"""The data card of MMTF-14K."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from trainer.data.cards import spread
from trainer.data.mmtf import FEATURES, Floats, load_mmtf


def is_mmtf(folder: Path) -> bool:
    """Whether it holds the files of MMTF-14K."""
    return folder.is_dir() and (folder / FEATURES).is_file()


def describe_mmtf(folder: Path) -> dict[str, Any]:
    """Figures of the films and their features in ``folder``.

    Raises:
        DataError: as :func:`trainer.data.mmtf.load_mmtf`.
    """
    data = load_mmtf(folder)
    years = [year for year in data.years if year is not None]
    tags = Counter(tag for each in data.tags for tag in each)
    return {
        "layout": "mmtf-14k",
        "films": len(data),
        "films_in_both_valid_and_test": data.in_both,
        "labels_without_features": data.labels_without_features,
        "films_with": {
            "year": len(years),
            "tags": sum(bool(each) for each in data.tags),
            "genres": sum(bool(each) for each in data.genres),
        },
        "years": {"first": min(years), "last": max(years)} if years else {},
        "visual": _features(data.visual),
        "audio": _features(data.audio),
        "distinct_tags": len(tags),
        "tags_per_film": spread([len(each) for each in data.tags]),
        "most_frequent_tags": dict(tags.most_common(10)),
        "genres": dict(Counter(genre for each in data.genres for genre in each).most_common()),
    }


def _features(values: Floats) -> dict[str, float]:
    """Of [n, columns] figures: a column that is the same everywhere teaches nothing."""
    return {
        "columns": values.shape[1],
        "constant_columns": int((np.ptp(values, axis=0) == 0).sum()),
        "least": float(values.min()),
        "most": float(values.max()),
    }
