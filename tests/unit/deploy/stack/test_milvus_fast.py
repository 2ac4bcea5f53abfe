"""The quicker search answers as Milvus Lite's own does, whatever was written, deleted and flushed before."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from milvus_lite.db import MilvusLite
from milvus_lite.engine import collection as engine
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema
from milvus_lite.search.executor_indexed import execute_search_with_index

from deploy.stack import milvus_fast
from deploy.stack.milvus_fast import KNOWN_SOURCES, LEFT_TO_UPSTREAM, Searcher, sources_digest

DIM, KEYS = 8, 60


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Any]:
    database = MilvusLite(str(tmp_path))
    schema = CollectionSchema(
        fields=[
            FieldSchema("id", DataType.VARCHAR, is_primary=True, max_length=64),
            FieldSchema("vector", DataType.FLOAT_VECTOR, dim=DIM),
            FieldSchema("year", DataType.INT64),
            FieldSchema("title", DataType.VARCHAR, max_length=200),
        ]
    )
    made = database.create_collection("items", schema)
    made.create_index("vector", {"index_type": "HNSW", "metric_type": "IP", "params": {"M": 16}})
    made.load()
    yield made
    database.close()


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Both searches on every call; the fast one's answer is checked against upstream's. Counts the calls."""
    count = [0, 0]

    def fell_back(**call: Any) -> Any:
        count[1] += 1
        return execute_search_with_index(**call)

    searcher = Searcher(fell_back)

    def both(**call: Any) -> Any:
        want, got = execute_search_with_index(**call), searcher(**call)
        count[0] += 1
        assert len(got) == len(want)
        for mine, theirs in zip(got, want, strict=True):
            assert [hit["id"] for hit in mine] == [hit["id"] for hit in theirs]
            assert [hit["entity"] for hit in mine] == [hit["entity"] for hit in theirs]
            # sums of float32 in another order: near zero the terms cancel
            distances = pytest.approx([h["distance"] for h in theirs], rel=1e-5, abs=1e-6)
            assert [h["distance"] for h in mine] == distances
        return got

    monkeypatch.setattr(engine, "execute_search_with_index", both)
    yield count
    assert count[0] > 0


def rows(rng: random.Random, keys: list[int]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"ml:{key}",
            "vector": [rng.gauss(0, 1) for _ in range(DIM)],
            "year": rng.randrange(1950, 2000),
            "title": f"film {key} of {rng.random()}",
        }
        for key in keys
    ]


def test_the_installed_version_is_the_known_one() -> None:
    assert sources_digest() == KNOWN_SOURCES, "Milvus Lite changed: compare, then note its digest"


def test_an_unknown_version_keeps_its_own_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus_fast, "KNOWN_SOURCES", "other")
    before = engine.execute_search_with_index
    assert milvus_fast.install() is False
    assert engine.execute_search_with_index is before


@pytest.mark.parametrize("trial", range(6))
def test_any_history_is_answered_alike(
    collection: Any, fast: list[int], rng: random.Random, trial: int
) -> None:
    for _ in range(25):
        step = rng.random()
        keys = rng.sample(range(KEYS), rng.randint(1, 20))
        if step < 0.5:
            collection.insert(rows(rng, keys))
        elif step < 0.7:
            collection.delete([f"ml:{key}" for key in keys[:5]])
        elif step < 0.85:
            collection.flush()
        queries = np.asarray([[rng.gauss(0, 1) for _ in range(DIM)] for _ in range(2)]).tolist()
        collection.search(
            queries,
            top_k=rng.choice((1, 5, 40)),
            metric_type="IP",
            expr=rng.choice((None, "year > 1970", 'title like "film 1%"')),
            output_fields=rng.choice((["year"], ["title", "year"], [], ["vector"])),
            search_params={"ef": 128},
        )
    assert fast[1] == 0, "no call was left to upstream"


def test_what_is_not_covered_goes_to_upstream_and_is_said_once(
    collection: Any, fast: list[int], rng: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    collection.insert(rows(rng, list(range(10))))
    query = [[1.0] * DIM]
    for _ in range(2):
        collection.search(query, top_k=3, metric_type="IP", partition_names=["_default"])
    assert fast == [2, 2]
    assert capsys.readouterr().out == f"{LEFT_TO_UPSTREAM}: partitions are named\n"
