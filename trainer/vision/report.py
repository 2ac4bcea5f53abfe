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
from trainer.vision.evaluate import by_genre, compare, probe_figures
from trainer.vision.inside import inside_figures, probe_from_inside
from trainer.vision.labelled import kinds_of_features, load_inside, load_outside

PACKAGE = "poster-encoder"


def posters_row(data: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Mean average precision of probes on frozen features, in percent, by two protocols.

    Learnt from three fifths of the posters outside MovieLens, with Student's interval over splits; and under
    ``from_movielens`` learnt from posters of MovieLens films, with a bootstrapped interval over posters.

    Raises:
        DataError: naming file and row, if a table, poster or weight file is missing or bad.
    """

    def progress(what: str, done: int, total: int) -> None:
        if done == total:
            say(f"{what}: {total}")

    package = find_source(PACKAGE)
    network = load_vit(package.path)
    sizes, cache = network.config, cache_folder() / "vision"
    height, width = sizes.image_height, sizes.image_width
    outside = load_outside(data, height, width, cache, progress)
    features = kinds_of_features(network, outside, 0, progress)
    probed = compare(features, outside, 0, progress)
    inside = load_inside(data, outside.genres, height, width, cache, progress)
    learnt = probe_from_inside(
        kinds_of_features(network, inside, 0, progress), features, inside, outside, 0, progress
    )
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
        "from_movielens": inside_figures(learnt),
    }
