"""The quicker writes store and answer what Milvus Lite's own do, over any history, also after a restart."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from milvus_lite.db import MilvusLite
from milvus_lite.engine import collection as engine
from milvus_lite.engine.compaction import CompactionManager
from milvus_lite.exceptions import SchemaValidationError
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema
from milvus_lite.storage import data_file
from milvus_lite.storage.memtable import MemTable

from deploy.stack import milvus_writes

DIM, KEYS = 4, 40
PLACES: list[tuple[Any, str]] = [
    (engine.Collection, "upsert"),
    (MemTable, "_build_data_table"),
    (data_file, "pq"),
    (engine, "validate_record"),
    (engine.Collection, "_trigger_flush"),
]
UPSTREAM = [getattr(owner, name) for owner, name in PLACES]


def use_upstream() -> None:
    for (owner, name), value in zip(PLACES, UPSTREAM, strict=True):
        setattr(owner, name, value)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    use_upstream()


def opened(folder: Path) -> tuple[Any, Any]:
    database = MilvusLite(str(folder))
    if "users" in database.list_collections():
        made = database.get_collection("users")
    else:
        fields = [
            FieldSchema("id", DataType.VARCHAR, is_primary=True, max_length=64),
            FieldSchema("vector", DataType.FLOAT_VECTOR, dim=DIM),
            FieldSchema("year", DataType.INT64, nullable=True),
            FieldSchema("genres", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=8),
        ]
        made = database.create_collection("users", CollectionSchema(fields=fields))
        made.create_index("vector", {"index_type": "FLAT", "metric_type": "IP", "params": {}})
    made.load()
    return database, made


def rows(rng: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "id": f"u{key}",
            "vector": [rng.gauss(0, 1) for _ in range(DIM)],
            "year": 1999 if rng.random() < 0.95 else None,
            "genres": [f"genre {n}" for n in range(rng.randrange(4))],
        }
        for key in rng.choices(range(KEYS), k=rng.randint(1, 12))
    ]


def played(folder: Path, use: Callable[[], None], seed: int) -> tuple[list[dict[str, Any]], int]:
    """All rows after a history of writes, deletes, flushes and restarts; and how many upserts were whole."""
    use()
    rng, (database, made) = random.Random(seed), opened(folder)
    inserted = 0
    for _ in range(40):
        step = rng.random()
        if step < 0.55:
            batch = rows(rng)
            if rng.random() < 0.3 and made.num_entities:
                # leaves a field out: the former value stays
                known = {row["id"] for row in made.query(output_fields=["id"])}
                batch = [{"id": r["id"], "vector": r["vector"]} for r in batch if r["id"] in known]
            else:
                inserted += all(None not in row.values() for row in batch)
            made.upsert(batch)
        elif step < 0.7:
            made.delete([f"u{key}" for key in rng.sample(range(KEYS), 5)])
        elif step < 0.9:
            made.flush()
        else:
            database.close()
            database, made = opened(folder)
    found = sorted(made.query(output_fields=["*"]), key=lambda row: str(row["id"]))
    database.close()
    return found, inserted


@pytest.mark.parametrize("trial", range(4))
def test_any_history_leaves_the_same_rows(tmp_path: Path, rng: random.Random, trial: int) -> None:
    seed = rng.randrange(2**30)
    want, _ = played(tmp_path / "upstream", use_upstream, seed)
    got, inserted = played(tmp_path / "quick", milvus_writes.install, seed)
    assert got == want
    assert want, "a history that tells nothing"
    assert inserted


def test_whole_rows_are_not_read_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    milvus_writes.install()
    database, made = opened(tmp_path)
    read: list[str] = []
    raw = engine.Collection._get_raw

    def noted(self: Any, pk: str) -> Any:
        read.append(pk)
        return raw(self, pk)

    monkeypatch.setattr(engine.Collection, "_get_raw", noted)
    whole = {"id": "u1", "vector": [1.0] * DIM, "year": 1990, "genres": []}
    made.upsert([whole])
    made.upsert([whole | {"year": 1991}])
    assert read == []
    made.upsert([{"id": "u1", "vector": [2.0] * DIM}])
    assert read == ["u1"]
    assert made.get(["u1"])[0]["year"] == 1991
    database.close()


@pytest.mark.parametrize(
    "vector",
    [[1.0] * (DIM - 1), [1.0] * (DIM - 1) + [True], [1.0] * (DIM - 1) + ["a"], None, "abcd", (1.0, 2.0)],
)
@pytest.mark.parametrize("use", [use_upstream, milvus_writes.install])
def test_what_is_no_vector_is_refused(tmp_path: Path, use: Callable[[], None], vector: Any) -> None:
    use()
    database, made = opened(tmp_path)
    with pytest.raises(SchemaValidationError):
        made.upsert([{"id": "u1", "vector": vector, "year": 1990, "genres": []}])
    made.upsert([{"id": "u1", "vector": [1, 2.0, 3.0, 4], "year": 1990, "genres": []}])
    assert made.get(["u1"])[0]["vector"] == [1.0, 2.0, 3.0, 4.0]
    database.close()


def test_files_hold_no_dictionaries(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    milvus_writes.install()
    database, made = opened(tmp_path)
    made.upsert([{"id": "u1", "vector": [1.0] * DIM, "year": 1990, "genres": ["Drama"]}])
    made.flush()
    files = list(tmp_path.rglob("data_*.parquet"))
    assert files
    for file in files:
        group = pq.ParquetFile(file).metadata.row_group(0)
        encodings = {e for n in range(group.num_columns) for e in group.column(n).encodings}
        assert not any("DICTIONARY" in encoding for encoding in encodings), encodings
    database.close()


@pytest.mark.parametrize("use", [use_upstream, milvus_writes.install])
def test_a_flush_while_segments_are_merged_hides_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[], None]
) -> None:
    """The control: upstream's flush has emptied the memtable before it may write."""
    use()
    database, made = opened(tmp_path)
    begun, goes_on = threading.Event(), threading.Event()

    def held(*_: Any) -> bool:
        begun.set()
        return not goes_on.wait(20)

    monkeypatch.setattr(CompactionManager, "maybe_compact", held)
    whole = {"id": "u1", "vector": [1.0] * DIM, "year": 1990, "genres": []}
    made.upsert([whole])
    made.flush()
    assert begun.wait(10), "nothing is compacted"
    made.insert([whole | {"year": 1991}])
    with ThreadPoolExecutor() as pool:
        flushed = pool.submit(made.flush)
        assert not wait([flushed], 0.5).done, "it waits for the compaction"
        seen = made._memtable.get("u1")
        assert (seen is None) == (use is use_upstream), "the newest row is in no place that is read"
        goes_on.set()
        flushed.result(10)
    assert [row["year"] for row in made.get(["u1"])] == [1991]
    database.close()
