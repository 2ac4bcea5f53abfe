"""Appending to partitions that stay idle, so that their segments roll and retention and compaction go on."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping

from confluent_kafka.admin import AdminClient

from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.kafka.offsets import NEWEST, OffsetQuery, Place


class Heartbeats:
    """Asks now and then when the owned partitions were last appended to.

    Args:
        segment_ms: after this long without an append a partition is due.
    """

    def __init__(self, admin: AdminClient, segment_ms: int) -> None:
        self._admin, self._segment_ms = admin, segment_ms
        self._every_s = min(3600.0, max(1.0, segment_ms / 8000))
        self._next = 0.0
        self._query: OffsetQuery | None = None

    def due(self, places: Iterable[Place], now_ms: int) -> list[Place]:
        """Partitions to append a heartbeat to now; mostly none. Never waits."""
        if self._query is None:
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + self._every_s
                self._query = OffsetQuery(self._admin, places, NEWEST)
            return []
        if not self._query.done():
            return []
        query, self._query = self._query, None
        try:
            newest = query.timestamps()
        except KafkaUnavailableError:
            return []
        return idle(newest, set(places), now_ms - self._segment_ms)


def idle(newest: Mapping[Place, int], places: Collection[Place], since_ms: int) -> list[Place]:
    """Those of ``places`` that were last appended to before ``since_ms``. Pure.

    Args:
        newest: append time of each partition's newest record in ms; -1 for an empty one, which has no
            segment that could roll.
    """
    return [place for place, ms in newest.items() if place in places and 0 <= ms < since_ms]
