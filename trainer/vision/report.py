"""The row of docs/results.md about posters: what the shipped poster encoder sees in films it never met."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from handlers.poster_model import load_vit
from model_store.store import find_source
from streaming.cache import cache_folder
from trainer.evaluation.statistics import over_folds
from trainer.vision.evaluate import by_genre, compare, load_outside, probe_figures

PACKAGE = "poster-encoder"


def posters_row(data: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Mean average precision of probes on frozen features, in percent, with Student's interval over splits.

    Raises:
        DataError: naming file and row, if a table, poster or weight file is missing or bad.
    """

    def progress(what: str, done: int, total: int) -> None:
        if done == total:
            say(f"{what}: {total}")

    package = find_source(PACKAGE)
    network = load_vit(package.path)
    sizes = network.config
    outside = load_outside(data, sizes.image_height, sizes.image_width, cache_folder() / "vision", progress)
    probed = compare(network, outside, 0, progress)
    return {
        "package": package.manifest.reference,
        "digest": package.manifest.digest,
        "posters": len(outside.films),
        "splits": len(probed["vit"]),
        "map": {
            name: str(over_folds(np.array([100 * one.map for one in found])))
            for name, found in probed.items()
        },
        "figures": probe_figures(probed),
        "genres": by_genre(probed, outside.genres),
    }
