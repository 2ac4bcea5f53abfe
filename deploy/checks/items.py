"""Rule 2 for films: every valid film has a vector or a reason, and item rows are the vectors."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from deploy.checks.findings import ItemFindings, films_behind
from deploy.checks.listing import item_rows, rows_of_part
from deploy.checks.reading import CLIENT_ID, Record, TopicReader
from streaming.control.documents import SpaceDocument
from streaming.documents import VectorDocument, decode_vector
from streaming.events import InvalidEventError, check_item, decode_item
from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.offsets import source_ranges
from streaming.milvus.client import MilvusStore
from streaming.milvus.rows import ItemRow
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics.table import TopicNames

PAUSE_S = 0.5
QUEUE_PAUSE_S = 2.0
STALLED_S = 60.0
"""Without a commit for so long an indexer is not waited for; a batch of films takes a few seconds."""
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

    def without_vector(self, vectors: Collection[str]) -> list[str]:
        """Valid or not, films that have neither a vector nor a reason in the DLQ."""
        return [
            item_id
            for item_id, film in self.found.items()
            if item_id not in vectors and (film.partition, film.offset) not in self.explained
        ]

    def queued(self, item_ids: Iterable[str], committed: Mapping[int, int]) -> list[str]:
        """Those that the indexer has not come to, by the offset it has committed of each partition."""
        films = ((item_id, self.found[item_id]) for item_id in item_ids)
        return [item_id for item_id, film in films if film.offset >= committed.get(film.partition, 0)]


class Queue:
    """How far an indexer has come, and whether it goes on."""

    def __init__(self, settings: Settings, space: SpaceDocument) -> None:
        names = TopicNames(settings.namespace)
        self._admin = OffsetAdmin(settings, CLIENT_ID)
        self._group = names.indexer_group(space.space)
        self._places = [(names.items, part) for part in range(settings.topics.items_partitions)]
        self._moved_at = time.monotonic()
        self.committed: dict[int, int] = {}
        """partition -> offset before which every film has a vector or a reason."""

    def look(self) -> None:
        """Ask Kafka. Raises KafkaUnavailableError."""
        ranges = source_ranges(self._admin, self._group, self._places)
        committed = {partition: found.start() for (_, partition), found in ranges.items()}
        if committed != self.committed:
            self._moved_at = time.monotonic()
        self.committed = committed

    @property
    def moving(self) -> bool:
        """Whether it has committed something within the last minute."""
        return time.monotonic() - self._moved_at < STALLED_S

    def close(self) -> None:
        """Let the connections go."""
        self._admin.close()


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
    """Checks the films of one space; what differs is looked at again until ``wait_s`` is over.

    With ``patient`` that time begins when no film is queued any more, or the indexer has stopped going on.
    """

    def __init__(
        self,
        settings: Settings,
        space: SpaceDocument,
        wait_s: float = 5.0,
        step: Step = lambda _: None,
        patient: bool = False,
    ) -> None:
        self._settings, self._space, self._wait_s, self._step = settings, space, wait_s, step
        self._patient = patient
        self._store = MilvusStore(settings)

    def run(self) -> ItemFindings:
        """Look at everything."""
        settings, names = self._settings, TopicNames(self._settings.namespace)
        parts = range(settings.topics.items_partitions)
        films = Films(len(parts))
        vectors: dict[str, tuple[int, VectorDocument]] = {}
        deadline = time.monotonic() + self._wait_s
        queue = Queue(settings, self._space)
        with (
            contextlib.closing(queue),
            contextlib.closing(self._store),
            TopicReader(settings, names.items, parts) as items,
            TopicReader(settings, names.dlq(names.items), parts) as refused,
            TopicReader(settings, names.vectors(self._space.space), parts) as vector_log,
        ):
            while True:
                self._step("reading films and vectors")
                # before the logs are read: what it has committed is in them then
                queue.look()
                for record in items.read_on():
                    films.take(record)
                for record in refused.read_on():
                    films.explain(record)
                for record in vector_log.read_on():
                    _take_vector(vectors, record)
                lacking = films.without_vector(vectors)
                queued = films.queued(lacking, queue.committed)
                if self._patient and queued and queue.moving:
                    self._step(f"still indexing: {films_behind(len(queued))}")
                    time.sleep(QUEUE_PAUSE_S)
                    deadline = time.monotonic() + self._wait_s
                    continue
                findings = ItemFindings(
                    self._space.space,
                    items=len(films.found),
                    vectors=len(vectors),
                    refused=len(films.found.keys() - vectors.keys()) - len(lacking),
                    without_vector=lacking,
                    queued=queued,
                )
                self._compare(findings, films, vectors, len(parts))
                if findings.clean or time.monotonic() >= deadline:
                    return findings
                time.sleep(PAUSE_S)

    def _compare(
        self,
        findings: ItemFindings,
        films: Films,
        vectors: dict[str, tuple[int, VectorDocument]],
        partitions: int,
    ) -> None:
        findings.vector_without_item = sorted(vectors.keys() - films.found.keys())
        for partition in range(partitions):
            self._step(f"rows of partition {partition + 1} of {partitions}")
            here = [item for item in vectors if partition_of(item, partitions) == partition]
            self._rows(findings, partition, here, vectors)

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
