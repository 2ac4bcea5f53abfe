"""Milvus Lite in this process, as upstream has it and with our own writes and reads."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from milvus_lite.db import MilvusLite
from milvus_lite.engine import collection as engine
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema
from milvus_lite.storage import data_file
from milvus_lite.storage.memtable import MemTable

from deploy.stack import milvus_reads, milvus_writes

DIM, KEYS = 4, 40
PLACES: list[tuple[Any, str]] = [
    (engine.Collection, "upsert"),
    (MemTable, "_build_data_table"),
    (data_file, "pq"),
    (engine, "validate_record"),
    (engine.Collection, "_trigger_flush"),
    (engine.Collection, "_refresh_segment_cache"),
    (engine.Collection, "drop_partition"),
    *((engine.Collection, name) for name in milvus_reads.READS),
]
UPSTREAM = [getattr(owner, name) for owner, name in PLACES]


def use_upstream() -> None:
    for (owner, name), value in zip(PLACES, UPSTREAM, strict=True):
        setattr(owner, name, value)


def use_views() -> None:
    """Our own writes and reads, as the server has them."""
    milvus_writes.install()
    milvus_reads.install()


def restoring() -> Iterator[None]:
    """What a fixture of each test yields from: patches of whole classes end with it."""
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
