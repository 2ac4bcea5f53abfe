"""The fixture that a second implementation of the features is held against: ``parity.json``.

``python -m trainer.reranker.parity`` writes it anew, after a change of the contract.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from streaming.milvus.seen import DISLIKED, LIKED, NEUTRAL
from trainer.reranker.features import CONTRACT, NAMES, features, item_side

FILE = Path(__file__).parent / "parity.json"


def _catalogue(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    items, dim, genres = 14, 5, 4
    years = rng.integers(1930, 2020, items).astype(float)
    years[3] = 0
    marks = rng.random((items, genres)) < 0.4
    marks[4] = False
    return {
        "vectors": np.round(rng.normal(0, 0.4, (items, dim)), 4).tolist(),
        "genres": marks.astype(int).tolist(),
        "years": years.tolist(),
        "likes": rng.integers(0, 50, items).tolist(),
    }


USERS: dict[str, tuple[list[int], list[int], list[int]]] = {
    "all_classes": ([0, 1, 2, 4, 5], [LIKED, LIKED, NEUTRAL, DISLIKED, LIKED], [6, 7, 8, 9, 10, 3]),
    "likes_only": ([3, 4], [LIKED, LIKED], [0, 1, 2, 5]),
    "no_like": ([1, 2], [NEUTRAL, DISLIKED], [0, 3, 4]),
    "nothing_rated": ([], [], [0, 1]),
    "one_candidate": ([0, 13], [LIKED, DISLIKED], [7]),
    "many_likes": (list(range(12)), [LIKED] * 12, [12, 13]),
}
"""Name -> (rated rows, their classes, candidate rows): an edge of the contract each."""


def compute(case: dict[str, Any], catalogue: dict[str, Any]) -> list[list[float]]:
    """The features of one case, [candidates][columns]."""
    side = item_side(
        np.array(catalogue["vectors"], dtype=np.float32),
        np.array(catalogue["genres"], dtype=bool),
        np.array(catalogue["years"], dtype=np.float32),
        np.array(catalogue["likes"], dtype=np.int64),
    )
    out = features(
        side,
        np.array(case["rated"], dtype=np.int64),
        np.array(case["classes"], dtype=np.uint8),
        np.array(case["candidates"], dtype=np.int64),
    )
    return [[round(float(value), 6) for value in row] for row in out]


def make() -> dict[str, Any]:
    """The whole fixture."""
    catalogue = _catalogue(7)
    cases = []
    for name, (rated, classes, candidates) in USERS.items():
        case: dict[str, Any] = {"name": name, "rated": rated, "classes": classes, "candidates": candidates}
        cases.append({**case, "features": compute(case, catalogue)})
    return {"contract": CONTRACT, "columns": list(NAMES), "catalogue": catalogue, "cases": cases}


if __name__ == "__main__":
    FILE.write_text(json.dumps(make()) + "\n")
