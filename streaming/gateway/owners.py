"""Which ledger owns a partition, by the heartbeats of ``presence.v1``. No I/O.

Not by the group's description, which would be newer by seconds at most: librdkafka's
``describe_consumer_groups`` can end the process when the coordinator moves (an assertion in its queue), and
a gateway must outlive a broker. A ledger that owns no more says so itself (421), which is the truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from streaming.control.presence import Heartbeat, fold_heartbeat

KEYS = b"ledger/"
"""What the keys of ledgers begin with."""


def _now_ms() -> int:
    return int(time.time() * 1000)


class LedgerOwners:
    """The heartbeats of ledgers, folded; threads may share it."""

    def __init__(self, now_ms: Callable[[], int] = _now_ms) -> None:
        self._now_ms = now_ms
        self._lock = Lock()
        self._beats: dict[str, Heartbeat] = {}

    def put(self, key: bytes, value: bytes | None) -> None:
        """Take one record of ``presence.v1``; without value: the process took itself off."""
        if key.startswith(KEYS):
            with self._lock:
                fold_heartbeat(self._beats, key, value)

    def clear(self) -> None:
        """Forget everything, before reading from the beginning again."""
        with self._lock:
            self._beats.clear()

    def address(self, partition: int) -> str | None:
        """``host:port`` of the ledger that last said it owns ``partition``; None where none does.

        One that has not been heard of for ten seconds counts as gone.
        """
        now = self._now_ms()
        with self._lock:
            claims = [b for b in self._beats.values() if partition in b.partitions and not b.stale(now)]
        return max(claims, key=lambda beat: beat.at_ms).address if claims else None
