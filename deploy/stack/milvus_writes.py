"""Quicker writes for Milvus Lite 3.2.2: rows are not read to be replaced, flushes do not walk them in Python.

While a collection is flushed or compacted, everybody who reads it waits. Upstream copies a memtable to a
table cell by cell, and lets Parquet build dictionaries of vectors, no two of which are alike: 0.3 s for the
rows that 1,000 ratings a second change in two seconds. Upsert reads every row that is there, to fill in what
the new one leaves out; whole rows leave nothing out. Each number of a vector is checked by itself. What is
stored, answered and refused is the same (a test compares them).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Upsert = Callable[..., list[Any]]
Validate = Callable[..., None]
Flush = Callable[[Any], None]


def install() -> None:
    """Use the quicker writes in this process; the caller has checked that this version is the known one."""
    from milvus_lite.engine import collection
    from milvus_lite.storage import data_file, memtable

    collection.Collection.upsert = whole_rows_inserted(collection.Collection.upsert)
    memtable.MemTable._build_data_table = data_table
    data_file.pq = WithoutDictionaries
    collection.validate_record = vectors_checked(collection.validate_record)
    collection.Collection._trigger_flush = flushed_whole(collection.Collection._trigger_flush)
    # a compaction on every core would leave none for lookups
    pa.set_cpu_count(1)


def whole_rows_inserted(upstream: Upsert) -> Upsert:
    """``Collection.upsert`` that goes straight to ``insert`` where every row names every field.

    An insert replaces the row of the same key as well: the newest sequence number wins. What upstream's
    upsert does besides is to merge the former row's values into fields that the new one leaves out.
    """

    def upsert(self: Any, records: Any, **options: Any) -> list[Any]:
        names = {field.name for field in self._schema.fields}
        plain = not (self._schema.enable_dynamic_field or self._auto_id or self._bm25_analyzers)
        if plain and isinstance(records, list) and all(_names_all(record, names) for record in records):
            found: list[Any] = self.insert(records, **options)
            return found
        return upstream(self, records, **options)

    return upsert


def _names_all(record: Any, names: set[str]) -> bool:
    return isinstance(record, dict) and record.keys() == names and None not in record.values()


def data_table(self: Any, rows: Sequence[tuple[int, int]]) -> pa.Table:
    """``MemTable._build_data_table`` on whole columns: ``rows`` are (batch, row in it)."""
    batches, schema = self._insert_batches, self._data_schema
    starts = [0]
    for batch in batches:
        starts.append(starts[-1] + batch.num_rows)
    numbers = pa.array([starts[batch] + row for batch, row in rows], type=pa.int64())
    found = pa.Table.from_batches(batches).select(schema.names).take(numbers)
    return found.cast(schema).combine_chunks()


class _Checked(list[float]):
    """Stands for a vector that is right: it has its length, and nothing to look at."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length

    def __len__(self) -> int:
        return self._length


def vectors_checked(upstream: Validate) -> Validate:
    """``validate_record`` that keeps vectors of nothing but floats from upstream's walk over each number."""

    def validate_record(record: Any, schema: Any, **options: Any) -> None:
        held = {}
        if isinstance(record, dict):
            for field in schema.fields:
                value = record.get(field.name)
                if type(value) is list and field.dim == len(value) and set(map(type, value)) == {float}:
                    held[field.name] = value
                    record[field.name] = _Checked(len(value))
        try:
            upstream(record, schema, **options)
        finally:
            if held:
                record.update(held)

    return validate_record


def flushed_whole(upstream: Flush) -> Flush:
    """``Collection._trigger_flush`` that nobody sees half of, and that changes nothing where it fails.

    Upstream takes the rows out of the memtable, then waits for the lock under which they come into a segment.
    A compaction may hold it, and who reads before the flush has it next finds them in neither. Where the disk
    is full, upstream forgets the memtable; the next flush that succeeds deletes the log that alone holds it.
    """

    def trigger_flush(self: Any) -> None:
        with self._maintenance_lock:
            memtable, wal = self._memtable, self._wal
            try:
                upstream(self)
            except BaseException:
                if not wal._closed:
                    self._memtable, self._wal = memtable, wal
                raise

    return trigger_flush


class WithoutDictionaries:
    """Stands in for ``pyarrow.parquet`` where Milvus Lite writes and reads its data files."""

    read_table = staticmethod(pq.read_table)

    @staticmethod
    def write_table(table: pa.Table, where: str) -> None:
        """As pyarrow's, but values are stored as they are: hardly any of ours comes twice."""
        pq.write_table(table, where, use_dictionary=False)
