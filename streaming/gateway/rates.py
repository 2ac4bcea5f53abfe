"""Token buckets: how many requests a second each API key may send."""

from __future__ import annotations

import time
from collections.abc import Callable


class RateLimiter:
    """``per_second`` requests for each name, bursts of as many; 0 is no limit. For one thread."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_second
        self._burst = max(per_second, 1.0)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, name: str) -> float:
        """0 if a request of ``name`` may pass now (it is counted), else the seconds until one may."""
        if self._rate <= 0:
            return 0.0
        now = self._clock()
        tokens, since = self._buckets.get(name, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        if tokens >= 1:
            self._buckets[name] = (tokens - 1, now)
            return 0.0
        self._buckets[name] = (tokens, now)
        return (1 - tokens) / self._rate
