"""How often something is done that costs time: not too often, and never a large share of the time."""

from __future__ import annotations

import time
from types import TracebackType


class Pace:
    """Due every ``interval_s``, or so much rarer that it takes at most ``share`` of the time.

    ``with pace: ...`` measures one go.
    """

    def __init__(self, interval_s: float, share: float = 1.0) -> None:
        self._interval_s, self._share = interval_s, share
        self._ended = time.monotonic()
        self._took = 0.0
        self._began = 0.0

    def due(self, early: bool = False) -> bool:
        """Whether it is time; ``early`` asks for the interval alone, when there is little else to do."""
        pause = self._interval_s if early else max(self._interval_s, self._took / self._share)
        return time.monotonic() - self._ended >= pause

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = time.monotonic()
        self._took = self._ended - self._began
