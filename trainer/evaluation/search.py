"""The row of docs/results.md about text search: what people call films, and whether it finds them.

Queries are the tags of the shipped data, which no encoder was trained on; relevant are the films that anybody
gave the tag. All films are candidates, ranked as the gateway ranks those whose titles do not hold the words:
<q, v> / (|q| sqrt |v|), of the vectors that are served.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from handlers.items import EncodeItem
from trainer.data import SHIPPED, all_ratings, load_items, resolve
from trainer.evaluation.packaged import served_vectors
from trainer.evaluation.ranking import RankingScores, rank
from trainer.evaluation.statistics import bootstrap, paired
from trainer.space.train import encode_items

PACKAGES = ("item-encoder@1", "item-encoder@3")
LEAST = 5
"""Films that a tag must have been given to."""


def tagged(path: Path, item_ids: Sequence[str], least: int = LEAST) -> tuple[list[str], sp.csr_matrix]:
    """Tags in lower case that at least ``least`` films have, and which: [tags, films]."""
    place = {item_id: i for i, item_id in enumerate(item_ids)}
    films: dict[str, set[int]] = defaultdict(set)
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            at = place.get(f"ml:{row['movieId']}")
            if at is not None and (tag := row["tag"].strip().lower()):
                films[tag].add(at)
    tags = sorted(tag for tag, found in films.items() if len(found) >= least)
    rows = np.repeat(np.arange(len(tags)), [len(films[tag]) for tag in tags])
    columns = np.concatenate([sorted(films[tag]) for tag in tags]) if tags else np.zeros(0, dtype=np.int64)
    return tags, sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(tags), len(place)))


def _scores(queries: npt.NDArray[Any], vectors: npt.NDArray[Any], relevant: sp.csr_matrix) -> RankingScores:
    found = vectors.astype(np.float64)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    found = np.divide(found, np.sqrt(lengths), where=lengths > 0, out=np.zeros_like(found))
    return rank(queries.astype(np.float64), found, sp.csr_matrix(relevant.shape), relevant)


def search_row(data: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """NDCG@10 of searches by tag, of both packages and of popularity, on the shipped data (not ``data``)."""
    folder = resolve(SHIPPED)
    items = encode_items(list(load_items(folder)))
    ids = [item.item_id for item in items]
    tags, relevant = tagged(folder / "tags.csv", ids)
    queries = [EncodeItem(title=tag) for tag in tags]
    by_tag = {
        reference: _scores(
            served_vectors(reference, queries, say), served_vectors(reference, items, say), relevant
        )
        for reference in PACKAGES
    }
    ratings = all_ratings(folder)
    counted = dict(zip(*np.unique(ratings.item_ids.astype(str), return_counts=True), strict=True))
    popular = np.array([[float(counted.get(item_id, 0))] for item_id in ids])
    by_tag["popularity"] = _scores(np.ones((len(tags), 1)), popular, relevant)
    compared = paired(by_tag[PACKAGES[1]].ndcg, by_tag[PACKAGES[0]].ndcg)
    return {
        "ndcg@10": {name: float(found.ndcg.mean()) for name, found in by_tag.items()},
        "search": {name: str(bootstrap(found.ndcg)) for name, found in by_tag.items()},
        "against": {"difference": asdict(compared.difference), "p": compared.p_t},
        "tags": len(tags),
    }
