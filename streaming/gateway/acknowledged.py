"""What users rated through this gateway a moment ago, before their rows show it (DESIGN section 8)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock


class AcknowledgedMemory:
    """Remembers (user, item) for ``seconds``; threads may share it.

    A take-back is remembered too: until the row is known to be without it, the item stays hidden.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = Lock()
        self._users: dict[str, dict[str, float]] = {}
        self._queue: deque[tuple[float, str, str]] = deque()

    def add(self, user_id: str, item_id: str) -> None:
        """Hide ``item_id`` from ``user_id`` from now on."""
        until = self._clock() + self._seconds
        with self._lock:
            self._expire()
            self._users.setdefault(user_id, {})[item_id] = until
            self._queue.append((until, user_id, item_id))

    def forget(self, user_id: str) -> None:
        """The user was erased."""
        with self._lock:
            self._users.pop(user_id, None)

    def items(self, user_id: str) -> frozenset[str]:
        """Items that this user must not be shown."""
        with self._lock:
            self._expire()
            return frozenset(self._users.get(user_id, ()))

    def _expire(self) -> None:
        now = self._clock()
        while self._queue and self._queue[0][0] <= now:
            until, user_id, item_id = self._queue.popleft()
            items = self._users.get(user_id)
            # a later rating of the same item has its own entry in the queue
            if items is not None and items.get(item_id) == until:
                del items[item_id]
                if not items:
                    del self._users[user_id]
