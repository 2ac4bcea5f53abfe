"""How long to wait before a service that ended is started again. Pure."""

from __future__ import annotations

import random

FIRST_S = 0.5
LONGEST_S = 30.0
STEADY_S = 60.0
"""A life of at least this long pays off what went before."""


class Backoff:
    """Exponential, with jitter: services that fell together do not come back together."""

    def __init__(self, chooser: random.Random | None = None) -> None:
        self._chooser = chooser or random.Random()  # noqa: S311
        self._failures = 0

    def next(self, lived_s: float) -> float:
        """Seconds to wait after a life of ``lived_s`` seconds."""
        if lived_s >= STEADY_S:
            self._failures = 0
        wait: float = min(LONGEST_S, FIRST_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        return wait * self._chooser.uniform(0.5, 1.0)
