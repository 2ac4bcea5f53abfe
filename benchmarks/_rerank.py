"""Re-ranking beside the plain lookup: a second gateway with its switch on, and the work alone on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._space import DIM, Films
from benchmarks._timing import interleaved, percentiles
from deploy.stack.ports import free_ports
from streaming.documents import VectorDocument, bucket_of, popular_key
from streaming.documents.vector import SCHEMA
from streaming.gateway.catalogue import Catalogue, MatrixBudget
from streaming.gateway.films import EVERYTHING
from streaming.gateway.popular import PopularCounts
from streaming.gateway.rerank import SpaceReranker
from streaming.gateway.rerank_features import CANDIDATES
from streaming.milvus.seen import LIKED
from streaming.settings import Settings
from tests.support_reranker import model_bytes, write_package
from trainer.reranker.export import OnnxReranker
from trainer.reranker.train import MEMBERS

NOTES = {"like_threshold": 4.0}
THRESHOLD = 4.0


def put_reranker(settings: Settings, package: str, version: str) -> None:
    """A package of a model of the real size and random weights."""
    write_package(settings.home / "models", package, version, 1, NOTES, MEMBERS)


def switched_on(settings: Settings) -> Settings:
    """Settings of one more gateway, which re-ranks."""
    (port,) = free_ports(1)
    changes = {"reranker": True, "port": port, "url": f"http://127.0.0.1:{port}"}
    return settings.model_copy(update={"gateway": settings.gateway.model_copy(update=changes)})


def beside_plain(reranked: Callable[[int], None], plain: Callable[[int], None], count: int) -> dict[str, Any]:
    """Both lookups in turns: p50 and p99 of each, and the ratio."""
    for n in range(10):
        reranked(n)
        plain(n)
    on, off = (percentiles(times) for times in interleaved([reranked, plain], count))
    return {
        "p50 ms": on["p50"],
        "p99 ms": on["p99"],
        "plain p50": off["p50"],
        "plain p99": off["p99"],
        "/ plain": on["p50"] / off["p50"],
    }


def alone(films: Films, likes: int, count: int = 200) -> dict[str, Any]:
    """CPU milliseconds of re-ranking 200 candidates, all threads of the process counted."""
    catalogue, popular = Catalogue(DIM, MatrixBudget(4_096)), PopularCounts(90.0)
    documents = [
        VectorDocument(SCHEMA, vector.tobytes(), item, year, genres, "", "bench@1")
        for item, vector, year, genres in zip(
            films.ids, films.vectors, films.years, films.genres, strict=True
        )
    ]
    catalogue.apply(zip(films.ids, documents, strict=True))
    for n, item in enumerate(films.ids):
        # one bucket an item: what is measured reads the sums
        popular.put(popular_key(THRESHOLD, n, bucket_of(item)), {item: [(2_900, 1 + n % 97)]})
    rng = np.random.default_rng(likes)
    chosen = rng.choice(len(films.ids), size=likes, replace=False)
    rated, classes = [films.ids[n] for n in chosen.tolist()], np.full(likes, LIKED, dtype=np.uint8)
    profile = films.vectors[chosen].mean(axis=0)
    scored = catalogue.search(profile, CANDIDATES, EVERYTHING, frozenset(rated))
    reranker = SpaceReranker(OnnxReranker(model_bytes(1, NOTES, MEMBERS)), catalogue, popular, THRESHOLD)
    for _ in range(10):
        reranker.rerank(scored, rated, classes)
    spent = []
    for _ in range(count):
        began = time.process_time()
        found = reranker.rerank(scored, rated, classes)
        spent.append((time.process_time() - began) * 1000)
        assert found is not None
        assert len(found) == CANDIDATES
    figures = percentiles(spent)
    return {
        "likes": likes,
        "candidates": CANDIDATES,
        "cpu p50 ms": figures["p50"],
        "cpu p99 ms": figures["p99"],
    }
