"""The row of docs/results.md about search: whether what people say of films finds them.

Queries are the tags of the shipped data, which no encoder was trained on and which find the films that
anybody gave them; and the ends of films' texts, which encoders do not read and which find that one film. All
films are candidates, ranked as the gateway ranks those whose titles do not hold the words.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from handlers.items import EncodeItem
from trainer.data import SHIPPED, all_ratings, load_items, resolve
from trainer.evaluation.packaged import served_vectors
from trainer.evaluation.ranking import RankingScores
from trainer.evaluation.statistics import bootstrap, paired
from trainer.space.embed import MAX_TOKENS
from trainer.space.matrix import interactions
from trainer.space.searching import known_items, search_scores
from trainer.space.train import encode_items

PACKAGES = ("item-encoder@1", "item-encoder@5")
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


@dataclass(frozen=True)
class _Questions:
    queries: list[EncodeItem]
    relevant: sp.csr_matrix
    """[queries, films]."""


def _of_row(scores: dict[str, RankingScores]) -> dict[str, Any]:
    compared = paired(scores[PACKAGES[1]].ndcg, scores[PACKAGES[0]].ndcg)
    return {
        "ndcg@10": {name: str(bootstrap(found.ndcg)) for name, found in scores.items()},
        "recall@10": {name: float(found.recall.mean()) for name, found in scores.items()},
        "against": {"difference": asdict(compared.difference), "p": compared.p_t},
        "queries": len(scores[PACKAGES[1]].ndcg),
    }


def search_row(data: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """NDCG@10 of both packages and of popularity, on the shipped data (not ``data``)."""
    folder = resolve(SHIPPED)
    items = encode_items(list(load_items(folder)))
    ids = [item.item_id for item in items]
    counts = interactions(all_ratings(folder), ids).counts()
    tags, by_tag = tagged(folder / "tags.csv", ids)
    known = known_items(items, counts, MAX_TOKENS)
    asked = {
        "tags": _Questions([EncodeItem(title=tag, query=True) for tag in tags], by_tag),
        "texts": _Questions(known.queries, known.relevant(len(items))),
    }
    vectors = {reference: served_vectors(reference, items, say) for reference in PACKAGES}
    popular = counts[:, None].astype(np.float32)
    return {
        "search": {
            name: _of_row(
                {
                    **{
                        reference: search_scores(
                            served_vectors(reference, one.queries, say), vectors[reference], one.relevant
                        )
                        for reference in PACKAGES
                    },
                    "popularity": search_scores(
                        np.ones((len(one.queries), 1), dtype=np.float32), popular, one.relevant
                    ),
                }
            )
            for name, one in asked.items()
        }
    }
