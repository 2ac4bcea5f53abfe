"""What an indexer writes, each in a transaction: vectors, dead letters, forwards, removals, heartbeats."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from streaming.documents import HEARTBEAT_KEY
from streaming.kafka.dlq import dead_letter
from streaming.kafka.heartbeats import Heartbeats
from streaming.kafka.transactions import TransactionalProducer
from streaming.settings import Settings
from streaming.space import metrics
from streaming.space.held import Held
from streaming.space.intake import FROM_HEADER, MOVED_HEADER, Dead, Encode, Forward, Source, last_of_each
from streaming.topics import TopicNames


class IndexerOutput:
    """The transactional producer of one indexer; every method raises TransactionAbortedError.

    Args:
        cancelled: whether the process is ending, so that waiting for Kafka makes no sense.
    """

    def __init__(
        self,
        settings: Settings,
        space: str,
        admin: AdminClient,
        client_id: str,
        transactional_id: str,
        cancelled: Callable[[], bool],
    ) -> None:
        names = TopicNames(settings.namespace)
        self._items, self._vectors, self._dlq = names.items, names.vectors(space), names.dlq(names.items)
        self._heartbeats = Heartbeats(admin, settings.topics.segment_ms)
        self._producer = TransactionalProducer(settings, transactional_id, client_id, cancelled)

    def start(self) -> None:
        """Fence whoever wrote under this transactional id before; waits for Kafka."""
        self._producer.start()

    def write(self, held: Held) -> None:
        """The whole batch: what came of each record, and the offsets, under the batch's own metadata."""
        results = held.results()
        self._producer.begin()
        for source, action in held.actions:
            if isinstance(action, Dead):
                self._bury(source, action.reason)
            elif isinstance(action, Forward):
                self._forward(source, action)
        for source, action in last_of_each(held.actions):
            if not isinstance(action, Encode):
                self._producer.produce(self._vectors, None, action.item_id, partition=source.partition)
                continue
            outcome = results[id(source)]
            if outcome.record is None:
                self._bury(source, outcome.error or "no vector")
                continue
            key = action.item.item_id
            self._producer.produce(self._vectors, outcome.record, key, partition=source.partition)
            metrics.items_encoded.inc()
        offsets = [TopicPartition(self._items, p, end) for p, end in held.ends.items()]
        self._producer.commit(offsets, held.metadata)

    def remove(
        self, item_ids: Mapping[int, Iterable[str]], offsets: list[TopicPartition], metadata: object
    ) -> None:
        """Tombstones for the vectors of films, by partition.

        The offsets say nothing new: with them Kafka refuses a former owner.
        """
        self._producer.begin()
        for partition, gone in item_ids.items():
            for item_id in sorted(gone):
                self._producer.produce(self._vectors, None, item_id, partition=partition)
        self._producer.commit(offsets, metadata)

    def append_heartbeats(self, partitions: list[int]) -> None:
        """Segments roll, and compaction goes on, only where something is appended now and then."""
        owned = [(topic, p) for p in partitions for topic in (self._items, self._vectors)]
        due = self._heartbeats.due(owned, int(time.time() * 1000)) if owned else []
        if not due:
            return
        self._producer.begin()
        for topic, partition in due:
            self._producer.produce(topic, b"", HEARTBEAT_KEY, partition=partition)
        self._producer.commit([], None)

    def _bury(self, source: Source, reason: str) -> None:
        metrics.items_dead.inc()
        where = (source.topic, source.partition, source.offset)
        now_ms = int(time.time() * 1000)
        dead = dead_letter(self._dlq, where, source.key, source.value, source.headers, reason, now_ms)
        self._producer.produce(
            dead.topic, dead.value, dead.key, partition=dead.partition, headers=dead.headers
        )

    def _forward(self, source: Source, action: Forward) -> None:
        origin = source.place.encode()
        self._producer.produce(
            self._items,
            source.value,
            action.item_id,
            partition=action.partition,
            headers=[*source.headers, (FROM_HEADER, origin)],
        )
        self._producer.produce(
            self._items, None, source.key, partition=source.partition, headers=[(MOVED_HEADER, origin)]
        )
