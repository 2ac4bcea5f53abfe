"""How far the ledger and the indexers are behind, and waiting until they are not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.checks.reading import CLIENT_ID
from streaming.control.documents import SpaceDocument
from streaming.documents import HEARTBEAT_KEY
from streaming.exceptions import UnavailableError
from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.kafka.loader import Loader
from streaming.kafka.offsets import SourceRange, source_ranges
from streaming.settings import Settings
from streaming.topics import TopicNames

SMALL = 200
"""A lag so small is looked into: markers that end transactions are no records, yet have offsets."""
INTERVAL_S = 0.25


@dataclass(frozen=True)
class Lag:
    """One group's distance to the ends of its topic, in offsets."""

    group: str
    label: str
    topic: str
    ranges: dict[tuple[str, int], SourceRange]

    @property
    def behind(self) -> int:
        """Offsets not yet committed, those of transaction markers included."""
        return sum(max(0, found.end - found.start()) for found in self.ranges.values())

    @property
    def total(self) -> int:
        """Offsets that the topic holds now."""
        return sum(found.end - found.begin for found in self.ranges.values())


class LagWatch:
    """The ledger's lag, and that of each given space's indexer."""

    def __init__(self, settings: Settings, spaces: Sequence[SpaceDocument]) -> None:
        names = TopicNames(settings.namespace)
        self._settings = settings
        self._admin = OffsetAdmin(settings, CLIENT_ID)
        self._groups = [
            (names.ledger_group, "ledger", names.ratings, settings.topics.ratings_partitions),
            *(
                (
                    names.indexer_group(s.space),
                    f"indexer {s.space}",
                    names.items,
                    settings.topics.items_partitions,
                )
                for s in spaces
            ),
        ]

    def look(self) -> list[Lag]:
        """The lags now. Raises KafkaUnavailableError where Kafka does not answer."""
        return [
            Lag(
                group,
                label,
                topic,
                source_ranges(self._admin, group, [(topic, p) for p in range(partitions)]),
            )
            for group, label, topic, partitions in self._groups
        ]

    def behind(self, progress: Callable[[str, int, int], None]) -> list[str]:
        """Who is behind now and by how much, in words; empty where all is done.

        Args:
            progress: called with (label, done, total) of each group.

        Raises:
            KafkaUnavailableError: Kafka does not answer.
        """
        found = []
        for lag in self.look():
            done = self.done(lag)
            progress(lag.label, lag.total if done else lag.total - lag.behind, lag.total)
            if not done:
                found.append(f"{lag.label} by {lag.behind}")
        return found

    def done(self, lag: Lag) -> bool:
        """Whether no record is left, whatever markers are."""
        if lag.behind == 0:
            return True
        return lag.behind <= SMALL and not self._records_left(lag)

    def _records_left(self, lag: Lag) -> bool:
        waiting = {place: r for place, r in lag.ranges.items() if r.start() < r.end}
        loader = Loader(self._settings, CLIENT_ID)
        try:
            for place, found in waiting.items():
                loader.add(place, found.start())
            until = time.monotonic() + 15
            while waiting:
                if any(message.key() != HEARTBEAT_KEY for message in loader.poll(timeout_s=0.05)):
                    return True
                waiting = {p: r for p, r in waiting.items() if not loader.reached(p, r.start(), r.end)}
                if loader.errors or time.monotonic() > until:
                    return True
        finally:
            loader.close()
        return False


def wait_applied(
    settings: Settings,
    spaces: Sequence[SpaceDocument],
    timeout_s: float,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> float:
    """Wait until the ledger has folded and every space has indexed all there is; returns the seconds.

    A Kafka that comes back is waited for: what was sent is in it.

    Args:
        progress: called with (label, done, total) of each group.

    Raises:
        UnavailableError: it took longer than ``timeout_s``; the message names who is behind.
    """
    watch, began = LagWatch(settings, spaces), time.monotonic()
    while True:
        try:
            behind = watch.behind(progress)
        except KafkaUnavailableError as error:
            behind = [f"nobody knows: {error}"]
        if not behind:
            return time.monotonic() - began
        if time.monotonic() - began > timeout_s:
            raise UnavailableError(
                f"still behind after {timeout_s:g} s: {', '.join(behind)}; `marquee stack status` says why"
            )
        time.sleep(INTERVAL_S)
