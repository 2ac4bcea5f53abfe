"""Ratings and films at a steady rate, and a memory of every rating that Kafka has acknowledged."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from streaming.settings import Settings
from tests.integration.ledger.traffic import Traffic
from tests.support import until

PER_S = 600
LEAST_PER_S = 500
RATINGS_PER_FILM = 150
USERS, FILMS = 300, 150

ChangeFilm = Callable[[random.Random], None]


class PipelineTraffic(Traffic):
    """The ledger tests' ratings (re-rated, taken back, late, erased, misplaced, broken) and a few films.

    ``places`` holds partition, offset and bytes of each rating that was acknowledged. Leaving the block
    fails the test if fewer than :data:`LEAST_PER_S` ratings a second were sent.
    """

    def __init__(self, settings: Settings, rng: random.Random, change_film: ChangeFilm) -> None:
        super().__init__(settings, rng, PER_S, USERS, FILMS)
        self._change_film = change_film
        self._began = 0.0
        self.produced = 0
        self.places: dict[tuple[int, int], bytes] = {}

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        rate = self.produced / (time.monotonic() - self._began)
        super().__exit__(kind, error, trace)
        if error is None:
            assert rate >= LEAST_PER_S, f"only {rate:.0f} ratings a second"
            assert len(self.places) == self.sent == self.produced

    def goes_on(self, count: int = 300, timeout_s: float = 60.0) -> None:
        """Return once ``count`` more ratings are acknowledged."""
        before = self.sent
        until(lambda: self.sent >= before + count, timeout_s, what=f"{count} more ratings acknowledged")

    def _send(self) -> None:
        value, user, partition = self._event()
        self._last = (value, user, partition)

        def acknowledged(error: Any, message: Any) -> None:
            assert error is None, error
            self.sent += 1
            self.places[message.partition(), message.offset()] = value

        self._producer.produce(self._topic, value, user, partition=partition, on_delivery=acknowledged)
        self.produced += 1
        if self.produced % RATINGS_PER_FILM == 0:
            self._change_film(self._rng)
