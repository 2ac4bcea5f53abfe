"""Reads see all rows, of one moment, and wait for no flush and no compaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from pathlib import Path
from typing import Any

import pytest
from milvus_lite.engine import collection as engine
from milvus_lite.engine.compaction import CompactionManager

from deploy.stack import milvus_writes
from tests.unit.deploy.stack.milvus_lite import DIM, opened, restoring, use_views

WHOLE = {"id": "u1", "vector": [1.0] * DIM, "year": 1990, "genres": []}
READS: list[Callable[[Any], list[Any]]] = [
    lambda made: [row["year"] for row in made.get(["u1"])],
    lambda made: [row["year"] for row in made.query("id == 'u1'", output_fields=["year"])],
    lambda made: [hit["entity"]["year"] for hit in made.search([[1.0] * DIM], 5, output_fields=["year"])[0]],
]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield from restoring()


class Held:
    """Stands in for a step of upstream's that does not end before :meth:`let_go`; then it does its work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        self.begun, self._goes_on = threading.Event(), threading.Event()
        real = getattr(owner, name)

        def held(*arguments: Any, **options: Any) -> Any:
            self.begun.set()
            assert self._goes_on.wait(20), "nobody let it go on"
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, held)

    def let_go(self) -> None:
        self._goes_on.set()


@pytest.mark.parametrize("read", READS, ids=["get", "query", "search"])
@pytest.mark.parametrize(
    ("use", "waits"), [(use_views, False), (milvus_writes.install, True)], ids=["views", "upstream"]
)
def test_a_read_waits_for_no_compaction(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read: Callable[[Any], list[Any]],
    use: Callable[[], None],
    waits: bool,
) -> None:
    """The control: upstream's reads do."""
    use()
    database, made = opened(tmp_path)
    made.upsert([WHOLE])
    compaction = Held(monkeypatch, CompactionManager, "maybe_compact")
    made.flush()
    assert compaction.begun.wait(10), "nothing is compacted"
    made.upsert([WHOLE | {"year": 1991}])
    with ThreadPoolExecutor() as pool:
        found = pool.submit(read, made)
        if waits:
            with pytest.raises(NotInTime):
                found.result(0.5)
        else:
            assert found.result(10) == [1991], "the newest of the memtable"
        compaction.let_go()
        assert found.result(10) == [1991]
    database.close()


@pytest.mark.parametrize("read", READS, ids=["get", "query", "search"])
def test_a_read_during_a_flush_sees_what_is_being_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Any], list[Any]]
) -> None:
    use_views()
    database, made = opened(tmp_path)
    made.upsert([WHOLE])
    flush = Held(monkeypatch, engine, "execute_flush")
    with ThreadPoolExecutor() as pool:
        flushed = pool.submit(made.flush)
        assert flush.begun.wait(10)
        assert made._memtable.get("u1") is None, "the row is in no memtable that is written to"
        assert pool.submit(read, made).result(10) == [1990]
        flush.let_go()
        flushed.result(10)
    assert read(made) == [1990]
    database.close()


def test_a_dropped_partition_is_not_seen(tmp_path: Path) -> None:
    use_views()
    database, made = opened(tmp_path)
    made.create_partition("other")
    made.insert([WHOLE], partition_name="other")
    made.flush()
    assert made.get(["u1"])
    made.drop_partition("other")
    assert made.get(["u1"]) == []
    database.close()


def test_reads_beside_writes_miss_nothing(tmp_path: Path, rng: Any) -> None:
    """Keys are there from the beginning and only ever replaced: no read may miss one or go back in time."""
    use_views()
    database, made = opened(tmp_path)
    keys = [f"u{n}" for n in range(60)]

    def written(round_: int) -> None:
        vector = [rng.random() for _ in range(DIM)]
        made.upsert([{"id": k, "vector": vector, "year": round_, "genres": []} for k in keys])

    written(0)
    stop = threading.Event()

    def watch() -> int:
        seen, reads = 0, 0
        while not stop.is_set():
            years = {row["year"] for row in made.get(keys)}
            assert len(years) <= 2, "at most the write that is under way is seen in part"
            assert min(years) >= seen, "a row went back in time"
            seen, reads = min(years), reads + 1
            assert made.num_entities == len(keys)
        return reads

    with ThreadPoolExecutor() as pool:
        watched = [pool.submit(watch) for _ in range(2)]
        for number in range(1, 60):
            written(number)
            made.flush()
        stop.set()
        assert all(one.result(20) > 5 for one in watched), "hardly anything was read meanwhile"
    database.close()
