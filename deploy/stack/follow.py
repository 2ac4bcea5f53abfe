"""What the supervisor follows in Kafka: live spaces, and who is there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaException

from streaming.control.documents import SpaceDocument
from streaming.control.presence import Heartbeat, PresenceWatch
from streaming.control.reader import ControlReader
from streaming.exceptions import MarqueeError
from streaming.observability.logging import get_logger
from streaming.settings import Settings

RETRY_S = 0.5
POLL_S = 0.5

log = get_logger(__name__)


class Follower:
    """Live spaces and heartbeats as they stand; the last known ones while Kafka is away.

    Args:
        prepare: called until it succeeds, before anything is read: it makes the topics.
    """

    def __init__(self, settings: Settings, prepare: Callable[[], object]) -> None:
        self._settings, self._prepare = settings, prepare
        self._control: ControlReader | None = None
        self._presence: dict[str, Heartbeat] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)
        if self._control is not None:
            self._control.stop()

    @property
    def known(self) -> bool:
        """Whether the topics are there and control was read."""
        return self._control is not None

    @property
    def live(self) -> Mapping[str, SpaceDocument]:
        """Spaces that need a worker."""
        return self._control.state.live if self._control else {}

    def presence(self) -> Mapping[str, Heartbeat]:
        """The last heartbeat of every process that did not take itself off."""
        return dict(self._presence)

    def _run(self) -> None:
        while not self._stop.is_set() and self._control is None:
            try:
                self._prepare()
                control = ControlReader(self._settings)
                control.start()
                self._control = control
            except MarqueeError as error:
                log.warning("Kafka cannot be followed yet", error=str(error))
                self._stop.wait(RETRY_S)
        if not self._stop.is_set():
            self._follow_presence()

    def _follow_presence(self) -> None:
        watch = PresenceWatch(self._settings, "marquee-supervisor")
        self._presence = watch.beats
        try:
            while not self._stop.is_set():
                try:
                    watch.look(POLL_S)
                except KafkaException as error:
                    log.warning("presence cannot be read", error=str(error))
                    self._stop.wait(RETRY_S)
        finally:
            watch.close()
