"""How far a ledger is behind, in records and against the retention of the log (DESIGN section 4, rule 6)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streaming.ledger import metrics
from streaming.ledger.fold import Changes
from streaming.ledger.owned import OwnedPartition, Phase

HOUR_MS = 3_600_000


class Lag:
    """Lag of each owned partition, measured now and then; read from any thread."""

    def __init__(self, retention_ms: int) -> None:
        self._retention_ms = retention_ms
        self._measured: dict[int, tuple[int, float]] = {}
        self._newest_ms: dict[int, int] = {}
        self._behind_since_ms: dict[int, int] = {}

    def of(self, number: int) -> tuple[int, float]:
        """(records not folded yet, age of the lag as a share of retention)."""
        return self._measured.get(number, (0, 0.0))

    def saw(self, changes: Changes) -> None:
        """Take in the append times of a committed batch."""
        for number, part in changes.partitions.items():
            self._newest_ms[number] = part.appended_ms

    def forget(self, number: int) -> None:
        """A partition is no longer owned."""
        for known in (self._measured, self._newest_ms, self._behind_since_ms):
            known.pop(number, None)
        for gauge in (metrics.LAG, metrics.LAG_HOURS, metrics.LAG_RETENTION):
            with contextlib.suppress(KeyError):
                gauge.remove(str(number))

    def since(self, number: int, waiting: bool, now_ms: int) -> int:
        """When the oldest record that waits was appended at the latest, in ms; ``now_ms`` where none waits.

        That is when the newest one that is folded was, or, as long as none is, when waiting was first seen.
        """
        if not waiting:
            self._behind_since_ms.pop(number, None)
            return now_ms
        first_seen = self._behind_since_ms.setdefault(number, self._newest_ms.get(number, now_ms))
        return max(first_seen, self._newest_ms.get(number, first_seen))

    def measure(self, consumer: Consumer, topic: str, owned: Mapping[int, OwnedPartition]) -> None:
        """Compare positions with the ends that fetching told (no question is asked)."""
        now_ms = int(time.time() * 1000)
        for number, partition in owned.items():
            try:
                _, high = consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
            except KafkaException:
                high = -1
            lag = max(0, high - partition.position) if partition.phase is Phase.READY else 0
            since = self.since(number, lag > 0 or partition.phase is not Phase.READY, now_ms)
            share = (now_ms - since) / self._retention_ms
            self._measured[number] = (lag, share)
            metrics.LAG.labels(str(number)).set(lag)
            metrics.LAG_HOURS.labels(str(number)).set((now_ms - since) / HOUR_MS)
            metrics.LAG_RETENTION.labels(str(number)).set(share)
        for phase in Phase:
            metrics.PARTITIONS.labels(phase.value).set(sum(p.phase is phase for p in owned.values()))
        metrics.STORES_FAILED.set(sum(bool(p.store_error) for p in owned.values()))
