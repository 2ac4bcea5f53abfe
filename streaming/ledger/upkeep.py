"""What a ledger does between batches: like counts, heartbeats, local stores, thresholds, memory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from streaming.kafka.heartbeats import Heartbeats
from streaming.ledger.batches import CountRecords
from streaming.ledger.exceptions import StoreError
from streaming.ledger.owned import OwnedPartition, Phase
from streaming.ledger.schedule import Pace
from streaming.ledger.store import remove_stale
from streaming.observability import get_logger
from streaming.settings import Settings
from streaming.topics import TopicNames

log = get_logger("ledger.upkeep")

SHARE = 0.05
"""Of the time that publishing counts, and writing stores, may each take while there is much to fold."""
MEMORY_BYTES = 1 << 30
"""Committed documents that the disk does not take; beyond it folding waits for the disk."""


class Upkeep:
    """Works on the owned partitions it is given; all on the folding thread."""

    def __init__(
        self, settings: Settings, owned: Mapping[int, OwnedPartition], directory: Path, admin: AdminClient
    ) -> None:
        self._owned, self._directory = owned, directory
        self._names = TopicNames(settings.namespace)
        self._max_age_ms = settings.topics.delete_retention_ms // 2
        self._heartbeats = Heartbeats(admin, settings.topics.segment_ms)
        self._popular_pace = Pace(settings.ledger.popular_interval_s, SHARE)
        self._store_pace = Pace(settings.ledger.store_interval_s, SHARE)
        self._held_back = False

    def _ready(self) -> dict[int, OwnedPartition]:
        return {n: owned for n, owned in self._owned.items() if owned.phase is Phase.READY}

    def counts(self, idle: bool) -> dict[int, CountRecords]:
        """Records of changed like counts for the next transaction, where it is time for them."""
        if not self._popular_pace.due(early=idle):
            return {}
        with self._popular_pace:
            taken = {number: owned.counts.take() for number, owned in self._ready().items()}
        return {number: records for number, records in taken.items() if records}

    def give_back(self, counts: Mapping[int, CountRecords]) -> None:
        """These were not committed."""
        for number, records in counts.items():
            if number in self._owned:
                self._owned[number].counts.give_back(records)

    def heartbeats(self) -> list[tuple[str, int]]:
        """Idle partitions that are due for one."""
        names, ready = self._names, self._ready()
        topics = (names.ratings, names.users, names.erased, names.popular)
        return self._heartbeats.due([(t, n) for t in topics for n in ready], _now_ms()) if ready else []

    def write_stores(self, idle: bool) -> None:
        """Write committed documents to the local stores, where it is time."""
        if not self._store_pace.due(early=idle):
            return
        with self._store_pace:
            for owned in list(self._owned.values()):
                if owned.pending and owned.phase in (Phase.READY, Phase.LOADING):
                    owned.flush(_now_ms())

    def refresh_stores(self) -> None:
        """Keep the times in quiet stores recent; delete stores that nobody would believe."""
        for owned in self._ready().values():
            if _now_ms() - owned.flushed_ms > self._max_age_ms // 8:
                owned.flush(_now_ms())
        remove_stale(self._directory, [o.path for o in self._owned.values()], _now_ms(), self._max_age_ms)

    def recount(self, thresholds: tuple[float, ...]) -> list[int]:
        """Count likes under other thresholds; returns partitions whose store failed and must be loaded."""
        log.info("like thresholds", thresholds=thresholds)
        broken = []
        for owned in self._owned.values():
            try:
                owned.recount(thresholds)
            except StoreError as error:
                owned.rebuild(str(error))
                broken.append(owned.number)
        return broken

    def rebuild_broken(self) -> list[int]:
        """Throw away the local stores that a lookup failed in; returns their partitions, to be loaded."""
        broken = [owned for owned in self._owned.values() if owned.broken]
        for owned in broken:
            owned.rebuild(owned.broken)
        return [owned.number for owned in broken]

    def mind_memory(self, consumer: Consumer) -> None:
        """While the disk takes nothing, memory holds it all; when that is full, folding waits."""
        full = sum(owned.pending_bytes for owned in self._owned.values()) > MEMORY_BYTES
        if full == self._held_back:
            return
        self._held_back = full
        log.warning("folding waits for the disk" if full else "folding goes on")
        places = [TopicPartition(self._names.ratings, number) for number in self._ready()]
        (consumer.pause if full else consumer.resume)(places)


def _now_ms() -> int:
    return int(time.time() * 1000)
