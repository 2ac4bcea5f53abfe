"""The quicker writes store and answer what Milvus Lite's own do, over any history, also after a restart."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from milvus_lite.engine import collection as engine
from milvus_lite.engine import flush
from milvus_lite.engine.compaction import CompactionManager
from milvus_lite.exceptions import SchemaValidationError

from deploy.stack import milvus_writes
from tests.unit.deploy.stack.milvus_lite import DIM, opened, played, restoring, use_upstream, use_views


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield from restoring()


@pytest.mark.parametrize("trial", range(4))
def test_any_history_leaves_the_same_rows(tmp_path: Path, rng: random.Random, trial: int) -> None:
    seed = rng.randrange(2**30)
    want, _ = played(tmp_path / "upstream", use_upstream, seed)
    got, inserted = played(tmp_path / "quick", use_views, seed)
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


@pytest.mark.parametrize(
    ("use", "kept"), [(use_views, True), (use_upstream, False)], ids=["quick", "upstream"]
)
def test_a_flush_onto_a_full_disk_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[], None], kept: bool
) -> None:
    """The control: upstream loses the rows for good with the next flush that succeeds."""
    use()
    database, made = opened(tmp_path)
    whole = {"id": "u1", "vector": [1.0] * DIM, "year": 1990, "genres": []}
    made.upsert([whole])

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(flush, "write_data_file", full)
        with pytest.raises(OSError, match="No space"):
            made.flush()
    made.upsert([whole | {"id": "u2"}])
    want = ["u1", "u2"] if kept else ["u2"]
    assert sorted(row["id"] for row in made.get(["u1", "u2"])) == want
    made.flush()
    database.close()
    database, made = opened(tmp_path)
    assert sorted(row["id"] for row in made.get(["u1", "u2"])) == want
    database.close()
