"""Waiting longer each time, never all at once."""

from __future__ import annotations

import random


class Backoff:
    """Pauses in seconds: doubled from ``first`` to ``longest``, each with jitter of half its length."""

    def __init__(self, first: float = 0.1, longest: float = 3.0) -> None:
        self._first, self._longest = first, longest
        self._next = first

    def pause(self) -> float:
        """How long to wait now."""
        current, self._next = self._next, min(2 * self._next, self._longest)
        return current * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def reset(self) -> None:
        """It worked: begin short again."""
        self._next = self._first
