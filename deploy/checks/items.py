"""Rule 2 for films: every valid film has a vector or a reason, and item rows are the vectors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from deploy.checks.findings import ItemFindings
from deploy.checks.listing import item_rows, rows_of_part
from deploy.checks.reading import Record, TopicReader
from streaming.control.documents import SpaceDocument
from streaming.documents import VectorDocument, decode_vector
from streaming.events import InvalidEventError, check_item, decode_item
from streaming.milvus.client import MilvusStore
from streaming.milvus.rows import ItemRow
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics.table import TopicNames

PAUSE_S = 0.5
CHUNK = 1_000

Step = Callable[[str], None]


class _Film(NamedTuple):
    """Where the newest record of a film lies."""

    partition: int
    offset: int
    valid: bool


@dataclass
class Films:
    """What ``items.v1`` and its DLQ say, folded: films, and positions that the DLQ explains."""

    partitions: int
    found: dict[str, _Film] = field(default_factory=dict)
    explained: set[tuple[int, int]] = field(default_factory=set)

    def take(self, record: Record) -> None:
        """The newest record of a film counts; a misplaced one only as the copy that was forwarded."""
        item_id, valid = (record.key or b"").decode(errors="replace"), False
        if record.value is not None:
            try:
                item = decode_item(record.value, record.headers)
                # as for users: the film is what the value says, never the record's key
                item_id = item.item_id
                check_item(item)
                valid = True
            except InvalidEventError:
                valid = False
        if partition_of(item_id, self.partitions) != record.partition:
            return
        if record.value is None:
            self.found.pop(item_id, None)
            return
        before = self.found.get(item_id)
        if not valid and before is not None and before.valid:
            # refused: the former version stays in force
            return
        self.found[item_id] = _Film(record.partition, record.offset, valid)

    def explain(self, record: Record) -> None:
        """A record of the DLQ names the position that it refuses."""
        headers = dict(record.headers)
        partition, offset = headers.get("dlq-partition"), headers.get("dlq-offset")
        if partition and offset and partition.isdigit() and offset.isdigit():
            self.explained.add((int(partition), int(offset)))


def row_differs(row: ItemRow, document: VectorDocument, offset: int, partition: int) -> bool:
    """Whether an item row is not what the newest record of its vector says."""
    return not (
        np.array_equal(row.vector, document.as_array())
        and row.title == document.title
        and row.year == (document.year or None)
        and row.genres == tuple(document.genres)
        and row.revision == offset
        and row.part == partition
    )


class ItemCheck:
    """Checks the films of one space; what differs is looked at again until ``wait_s`` is over."""

    def __init__(
        self, settings: Settings, space: SpaceDocument, wait_s: float = 5.0, step: Step = lambda _: None
    ) -> None:
        self._settings, self._space, self._wait_s, self._step = settings, space, wait_s, step
        self._store = MilvusStore(settings)

    def run(self) -> ItemFindings:
        """Look at everything."""
        settings, names = self._settings, TopicNames(self._settings.namespace)
        parts = range(settings.topics.items_partitions)
        films = Films(len(parts))
        vectors: dict[str, tuple[int, VectorDocument]] = {}
        deadline = time.monotonic() + self._wait_s
        with (
            TopicReader(settings, names.items, parts) as items,
            TopicReader(settings, names.dlq(names.items), parts) as refused,
            TopicReader(settings, names.vectors(self._space.space), parts) as vector_log,
        ):
            while True:
                self._step("reading films and vectors")
                for record in items.read_on():
                    films.take(record)
                for record in refused.read_on():
                    films.explain(record)
                for record in vector_log.read_on():
                    _take_vector(vectors, record)
                findings = self._compare(films, vectors, len(parts))
                if findings.clean or time.monotonic() >= deadline:
                    self._store.close()
                    return findings
                time.sleep(PAUSE_S)

    def _compare(
        self, films: Films, vectors: dict[str, tuple[int, VectorDocument]], partitions: int
    ) -> ItemFindings:
        findings = ItemFindings(self._space.space, items=len(films.found), vectors=len(vectors))
        for item_id, film in films.found.items():
            if item_id in vectors:
                continue
            if (film.partition, film.offset) in films.explained:
                findings.refused += 1
            else:
                findings.without_vector.append(item_id)
        findings.vector_without_item = sorted(vectors.keys() - films.found.keys())
        for partition in range(partitions):
            self._step(f"rows of partition {partition + 1} of {partitions}")
            here = [item for item in vectors if partition_of(item, partitions) == partition]
            self._rows(findings, partition, here, vectors)
        return findings

    def _rows(
        self,
        findings: ItemFindings,
        partition: int,
        item_ids: Sequence[str],
        vectors: dict[str, tuple[int, VectorDocument]],
    ) -> None:
        collection = self._space.items_collection
        for start in range(0, len(item_ids), CHUNK):
            chunk = item_ids[start : start + CHUNK]
            rows = item_rows(self._store, collection, chunk)
            findings.rows += len(rows)
            for item_id in chunk:
                row = rows.get(item_id)
                offset, document = vectors[item_id]
                if row is None:
                    findings.missing.append(item_id)
                elif row_differs(row, document, offset, partition):
                    findings.differing.append(item_id)
        listed = rows_of_part(self._store, collection, "item_id", partition)
        findings.orphans += sorted(listed.keys() - set(item_ids))


def _take_vector(vectors: dict[str, tuple[int, VectorDocument]], record: Record) -> None:
    item_id = (record.key or b"").decode(errors="replace")
    if record.value is None:
        vectors.pop(item_id, None)
    else:
        vectors[item_id] = (record.offset, decode_vector(record.value))
