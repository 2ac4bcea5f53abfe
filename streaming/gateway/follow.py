"""A thread that reads a compacted topic from its beginning and then follows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaException, Message
from confluent_kafka.admin import AdminClient

from streaming.documents import HEARTBEAT_KEY
from streaming.exceptions import UnavailableError
from streaming.kafka.config import admin_options
from streaming.kafka.loader import BEGINNING, Loader
from streaming.kafka.offsets import begin_offsets, end_offsets
from streaming.observability.logging import get_logger
from streaming.settings import Settings

POLL_S = 0.02
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_log = get_logger("gateway.follow")


class TopicFollower:
    """Hands batches of records to ``take`` on one thread; begins anew, after ``clear``, on errors.

    Args:
        take: gets records in the order of each partition, heartbeats left out; must not raise.
        clear: called before the first record, and before each new beginning.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        partitions: int,
        take: Callable[[Sequence[Message]], None],
        clear: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._places = [(topic, partition) for partition in range(partitions)]
        self._take, self._clear = take, clear
        self._client_id = f"marquee-gateway-{topic}"
        self._stopped = threading.Event()
        self.caught_up = threading.Event()
        """Set once everything that was there at the start has been taken."""
        self._thread = threading.Thread(target=self._run, name=f"follow-{topic}", daemon=True)

    def start(self) -> None:
        """Begin to read; returns at once."""
        self._thread.start()

    def stop(self, wait_s: float = 1.0) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopped.is_set():
            try:
                self._read()
            except (UnavailableError, KafkaException) as error:
                _log.warning("topic cannot be read", topic=self._places[0][0], error=str(error))
                self._stopped.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def _read(self) -> None:
        admin = AdminClient(admin_options(self._settings, self._client_id))
        ends = end_offsets(admin, self._places)
        begins = begin_offsets(admin, self._places)
        self._clear()
        loader = Loader(self._settings, self._client_id)
        try:
            for place in self._places:
                loader.add(place, BEGINNING)
            left = {place for place in self._places if begins[place] < ends[place]}
            while not self._stopped.is_set():
                messages = [m for m in loader.poll(timeout_s=POLL_S) if m.key() != HEARTBEAT_KEY]
                if messages:
                    self._take(messages)
                if left:
                    left = {p for p in left if not loader.reached(p, begins[p], ends[p])}
                if not left and not self.caught_up.is_set():
                    self.caught_up.set()
                if loader.errors:
                    # the topic was made anew: what is held came from another one
                    place, reason = next(iter(loader.errors.items()))
                    raise UnavailableError(f"{place[0]}-{place[1]}: {reason}")
        finally:
            loader.close()
