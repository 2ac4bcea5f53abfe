"""Films whose removal no indexer has read.

A tombstone in ``items.v1`` lives for ``delete.retention.ms``. An indexer that takes a partition over after
a longer time finds neither film nor tombstone, and the film's vector would stay for good. So does one that
has waited so long with a batch in hand. So where what follows the committed offset may be so old, vectors are
compared with films: when a partition is taken over, and when one that had fallen behind has caught up.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from streaming.exceptions import UnavailableError
from streaming.kafka.config import admin_options
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.kafka.offsets import OffsetQuery, end_offsets
from streaming.observability.logging import get_logger
from streaming.settings import Settings
from streaming.space.background import Background

log = get_logger(__name__)
RETRY_S = 5.0

Removed = dict[int, set[str]]


def present(settings: Settings, topic: str, partitions: Iterable[int], client_id: str) -> Removed:
    """Partition -> keys whose newest record has a value.

    Raises:
        KafkaUnavailableError: Kafka does not answer.
    """
    found: Removed = {partition: set() for partition in partitions}

    def take(message: Message) -> None:
        key, keys = (message.key() or b"").decode(errors="replace"), found[message.partition() or 0]
        if message.value() is None:
            keys.discard(key)
        elif message.value():
            # a heartbeat's value is empty
            keys.add(key)

    read_to_end(settings, {(topic, partition): BEGINNING for partition in found}, take, client_id)
    return found


def half_life_ms(settings: Settings) -> int:
    """Age from which on a tombstone is not relied on: half its life, as everywhere."""
    return settings.topics.delete_retention_ms // 2


def unread(
    settings: Settings, items: str, vectors: str, starts: Mapping[int, int], client_id: str
) -> Removed:
    """Partition -> films that have a vector and are no more, of those that may have lost tombstones.

    Args:
        starts: where each partition of ``items`` is read on.

    Raises:
        KafkaUnavailableError: Kafka does not answer.
    """
    admin = AdminClient(admin_options(settings, client_id))
    places = [(items, partition) for partition in starts]
    since_ms = int(time.time() * 1000) - half_life_ms(settings)
    ends = end_offsets(admin, places)
    young = OffsetQuery(admin, places, OffsetSpec.for_timestamp(since_ms)).result()
    suspects = doubtful(
        starts, {p: at for (_, p), at in young.items()}, {p: end for (_, p), end in ends.items()}
    )
    if not suspects:
        return {}
    # vectors first: what has one was on items.v1 before
    encoded = {p: ids for p, ids in present(settings, vectors, suspects, client_id).items() if ids}
    films = present(settings, items, encoded, client_id)
    return {partition: gone for partition, ids in encoded.items() if (gone := ids - films[partition])}


def doubtful(starts: Mapping[int, int], young: Mapping[int, int], ends: Mapping[int, int]) -> list[int]:
    """Partitions in which something older than a tombstone's half-life lies at or after the start. Pure.

    Args:
        young: offset of the first record that is younger, negative where there is none.
        ends: offset after the last record.
    """
    return [p for p, start in starts.items() if start < (young[p] if young[p] >= 0 else ends[p])]


class Behind:
    """Which partitions have been read later than a tombstone's half-life after they were written. Pure."""

    def __init__(self, limit_ms: int) -> None:
        self._limit_ms = limit_ms
        self._late: dict[int, int] = {}

    def taken(self, partition: int, offset: int, first_ms: int, last_ms: int, now_ms: int) -> dict[int, int]:
        """A batch was done, from ``offset`` on.

        Args:
            first_ms, last_ms: when its first and last record were appended.

        Returns:
            the partition and where its arrears began, once what is read is young again.
        """
        if now_ms - first_ms > self._limit_ms:
            self._late.setdefault(partition, offset)
        if now_ms - last_ms > self._limit_ms or partition not in self._late:
            return {}
        return {partition: self._late.pop(partition)}

    def caught_up(self) -> dict[int, int]:
        """Nothing is left to read: every partition that was late, and where its arrears began."""
        late, self._late = self._late, {}
        return late

    def forget(self, partition: int) -> None:
        """It is another's."""
        self._late.pop(partition, None)


class UnreadRemovals:
    """Looks for them on a thread of its own; every method is called from the indexer's and never waits."""

    def __init__(self, settings: Settings, items: str, vectors: str, client_id: str) -> None:
        self._settings, self._items, self._vectors, self._client_id = settings, items, vectors, client_id
        self.committed: dict[int, int] = {}
        """Owned partition -> offset up to which its films are done."""
        self._behind = Behind(half_life_ms(settings))
        self._wanted: dict[int, int] = {}
        self._looked_at: dict[int, int] = {}
        self._encoded: set[str] = set()
        self._look: Background[Removed] | None = None
        self._next = 0.0

    def assigned(self, places: Iterable[TopicPartition]) -> None:
        """These partitions are read from these offsets."""
        offsets = {place.partition: place.offset for place in places}
        self.committed.update(offsets)
        self._wanted.update(offsets)

    def revoked(self, partitions: Iterable[int]) -> None:
        """What is found out about these is no longer ours to act on."""
        for partition in partitions:
            self.committed.pop(partition, None)
            self._wanted.pop(partition, None)
            self._looked_at.pop(partition, None)
            self._behind.forget(partition)

    def taken(self, partition: int, offset: int, first_ms: int, last_ms: int) -> None:
        """A batch was committed (see :class:`Behind`): it may have waited too long."""
        now_ms = int(time.time() * 1000)
        self._wanted |= self._behind.taken(partition, offset, first_ms, last_ms, now_ms)

    def caught_up(self) -> None:
        """There is nothing left to read."""
        self._wanted |= self._behind.caught_up()

    def encoded(self, item_ids: Iterable[str]) -> None:
        """The films get vectors just now: they are there, whatever an earlier look says."""
        if self._look is not None:
            self._encoded.update(item_ids)

    def found(self) -> Removed:
        """Partition -> films to be removed; each is told once."""
        look = self._look
        if look is None:
            if self._wanted and time.monotonic() >= self._next:
                self._looked_at, self._wanted, self._encoded = self._wanted, {}, set()
                starts = dict(self._looked_at)
                self._look = Background(
                    lambda: unread(self._settings, self._items, self._vectors, starts, self._client_id)
                )
            return {}
        if not look.done():
            return {}
        self._look, asked, self._looked_at = None, self._looked_at, {}
        try:
            gone = look.result()
        except UnavailableError as error:
            log.warning("films are not yet compared with vectors", error=str(error))
            self._wanted, self._next = asked | self._wanted, time.monotonic() + RETRY_S
            return {}
        return {p: left for p, ids in gone.items() if p in asked and (left := ids - self._encoded)}
