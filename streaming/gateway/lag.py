"""Whether ratings wait so long for the ledger that they may expire unread (DESIGN section 4, rule 6)."""

from __future__ import annotations

import threading
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin._listoffsets import OffsetSpec

from streaming.documents import HEARTBEAT_KEY
from streaming.exceptions import UnavailableError
from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.kafka.loader import Loader
from streaming.kafka.offsets import LATEST, CommittedQuery, OffsetQuery, Place, begin_offsets
from streaming.observability.logging import get_logger
from streaming.settings import Settings
from streaming.topics import TopicNames

LONGEST_INTERVAL_S = 5.0
CONFIRM_S = 3.0
_log = get_logger("gateway.lag")


def is_behind(committed: int | None, begin: int, end: int, young: int) -> bool:
    """Whether a partition holds an unfolded record that is older than it may be.

    Args:
        committed: the ledger's offset; None is the beginning.
        young: offset of the first record that is young enough, negative where there is none.
    """
    at = begin if committed is None else committed
    return at < (end if young < 0 else young)


class LagWatch:
    """Asks Kafka every few seconds, on a thread of its own; :attr:`behind` is what lookups read."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        names = TopicNames(settings.namespace)
        self._group = names.ledger_group
        self._places = [(names.ratings, p) for p in range(settings.topics.ratings_partitions)]
        self._limit_ms = int(settings.topics.retention_ms * settings.gateway.ratings_refused_from)
        self._admin = OffsetAdmin(settings, "marquee-gateway-lag")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-lag", daemon=True)
        self.behind = False
        """True from the time on at which the oldest unfolded rating has used up its share of retention."""

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(0.2)

    def check(self) -> bool:
        """The verdict now; waits for Kafka.

        Raises:
            UnavailableError: if Kafka does not answer.
        """
        committed = CommittedQuery(self._admin, self._group, self._places).result()
        ends = OffsetQuery(self._admin, self._places, LATEST).result()
        waiting = [place for place in self._places if (committed[place] or 0) < ends[place]]
        if not waiting:
            return False
        since = int(time.time() * 1000) - self._limit_ms
        young = OffsetQuery(self._admin, waiting, OffsetSpec.for_timestamp(since)).result()
        begins = begin_offsets(self._admin, waiting)
        behind = [p for p in waiting if is_behind(committed[p], begins[p], ends[p], young[p])]
        starts = {place: max(committed[place] or 0, begins[place]) for place in behind}
        return any(self._holds_a_record(place, start, ends[place]) for place, start in starts.items())

    def _holds_a_record(self, place: Place, start: int, end: int) -> bool:
        """Whether there is anything to fold: what lies there may be nothing but transaction markers."""
        loader = Loader(self._settings, "marquee-gateway-lag-reader")
        until = time.monotonic() + CONFIRM_S
        try:
            loader.add(place, start)
            while time.monotonic() < until:
                if any(m.key() != HEARTBEAT_KEY for m in loader.poll(1, 0.1)):
                    return True
                if loader.reached(place, start, end):
                    return False
        except KafkaException as error:
            raise KafkaUnavailableError(f"{place[0]}-{place[1]} cannot be read: {error}") from None
        finally:
            loader.close()
        return True

    def _run(self) -> None:
        interval = min(LONGEST_INTERVAL_S, self._limit_ms / 10_000)
        while not self._stopped.wait(interval):
            try:
                behind = self.check()
            except UnavailableError as error:
                # no verdict is no reason to change the last one
                _log.warning("ledger lag not known", error=str(error))
                continue
            if behind != self.behind:
                _log.warning("ledger lag", behind=behind)
            self.behind = behind
