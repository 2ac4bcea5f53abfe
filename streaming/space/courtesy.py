"""A space that is being filled gives way to the champion's films: both need the same encoder, or machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from confluent_kafka import KafkaException

from streaming.control.presence import Heartbeat, PresenceWatch
from streaming.control.state import ControlState
from streaming.observability.logging import get_logger
from streaming.settings import Settings
from streaming.space import metrics

log = get_logger(__name__)
LONGEST_S = 2.0
"""So long a request waits at most: whatever the champion has to do, the new space is filled in the end."""
QUIET_S = 0.2
"""So long the champion must have had nothing in hand: between two batches of an import it has none."""
LOOK_S = 0.02
RETRY_S = 1.0
FILLED = "backfilling"
"""The state in which a space gives way."""


class Courtesy:
    """When a request of a backfill goes out. Pure, for one thread."""

    def __init__(self) -> None:
        self._asked: float | None = None
        self._busy_at = -1e9

    def goes(self, busy: bool, now: float) -> bool:
        """Whether it goes now; asked again and again until it does.

        Args:
            busy: whether the champion has films in hand.
            now: seconds of a clock that never goes back.
        """
        if self._asked is None:
            self._asked = now
        if busy:
            self._busy_at = now
        if now - self._busy_at < QUIET_S and now - self._asked < LONGEST_S:
            return False
        self._asked = None
        return True


def champion_busy(state: ControlState, space: str, beats: Iterable[Heartbeat], now_ms: int) -> bool:
    """Whether ``space`` is being filled while a live worker of the champion has films in hand. Pure."""
    own, route = state.spaces.get(space), state.route
    if own is None or own.state != FILLED or route is None or route.champion == space:
        return False
    role = f"space:{route.champion}"
    return any(beat.busy and beat.role == role and not beat.stale(now_ms) for beat in beats)


class GiveWay(threading.Thread):
    """Follows the champion's workers on ``presence.v1`` for as long as the space is being filled."""

    def __init__(self, settings: Settings, space: str, control: Callable[[], ControlState]) -> None:
        super().__init__(name="give-way", daemon=True)
        self._settings, self._space, self._control = settings, space, control
        self._courtesy, self._stopped = Courtesy(), threading.Event()
        self._busy = self._waited = False

    def stop(self) -> None:
        """End the thread; nothing waits any more."""
        self._stopped.set()

    def run(self) -> None:
        """The thread's loop."""
        if not self._filling():
            # as mostly: no client is made
            return
        watch = PresenceWatch(self._settings, "marquee-space-give-way")
        try:
            while not self._stopped.is_set() and self._filling():
                try:
                    beats = watch.look()
                except KafkaException as error:
                    log.warning("presence cannot be read", error=str(error))
                    self._stopped.wait(RETRY_S)
                    continue
                now_ms = int(time.time() * 1000)
                self._busy = champion_busy(self._control(), self._space, beats.values(), now_ms)
        finally:
            self._busy = False
            watch.close()

    def wait(self) -> None:
        """Before each request to the encoder: returns when it may go. For one thread at a time."""
        began, waits = time.monotonic(), False
        while not self._courtesy.goes(self._busy, time.monotonic()):
            if not waits and not self._waited:
                log.info("this space gives way to the champion's films")
            waits = True
            if self._stopped.wait(LOOK_S):
                break
        self._waited = waits
        if waits:
            metrics.gave_way_seconds.inc(time.monotonic() - began)

    def _filling(self) -> bool:
        own = self._control().spaces.get(self._space)
        return own is not None and own.state == FILLED
