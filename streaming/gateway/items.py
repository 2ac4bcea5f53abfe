"""Where each film's current record lies on ``items.v1``, and reading it from there.

A gateway keeps the place and the poster of every film, not its text: 100,000 films take some 20 MB. The
record itself is read from Kafka when somebody asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from confluent_kafka import Consumer, Message, TopicPartition

from streaming.events import InvalidEventError, Item, check_item, decode_item
from streaming.gateway.exceptions import NotReadyError
from streaming.kafka.config import reader_options
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames


@dataclass(frozen=True, slots=True)
class Place:
    """A film's newest record: its offset, and the poster it names. ``present`` is false once removed."""

    offset: int
    present: bool
    poster_sha256: str = ""


class ItemIndex:
    """Item id -> place. The follower writes it, and so does whoever has just had a record acknowledged.

    Offsets only grow: what is older than what is known is passed over. Records on a wrong partition are
    not looked at, since an indexer forwards them.
    """

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._lock = Lock()
        self._places: dict[str, Place] = {}

    def __len__(self) -> int:
        return sum(place.present for place in self._places.values())

    def take(self, messages: Sequence[Message]) -> None:
        """Records of ``items.v1``; those that hold no film are passed over, as the indexers pass them."""
        for message in messages:
            key, value, offset = message.key(), message.value(), message.offset()
            try:
                if value is None:
                    item_id, sha = (key or b"").decode(), ""
                else:
                    item = check_item(decode_item(value, _headers(message)))
                    item_id, sha = item.item_id, item.poster_sha256
            except (InvalidEventError, UnicodeDecodeError):
                continue
            if message.partition() == partition_of(item_id, self._partitions):
                self.note(item_id, Place(offset or 0, value is not None, sha))

    def note(self, item_id: str, place: Place) -> None:
        """A record of ``item_id`` lies at ``place``."""
        with self._lock:
            known = self._places.get(item_id)
            if known is None or known.offset < place.offset:
                self._places[item_id] = place

    def clear(self) -> None:
        """Forget everything, before reading from the beginning again."""
        with self._lock:
            self._places.clear()

    def place(self, item_id: str) -> Place | None:
        """Where the film's record lies; None if it was never put or was removed."""
        found = self._places.get(item_id)
        return found if found is not None and found.present else None


class ItemReader:
    """Reads single records of ``items.v1``; one at a time, threads may share it."""

    def __init__(self, settings: Settings, index: ItemIndex) -> None:
        self._topic = TopicNames(settings.namespace).items
        self._partitions = settings.topics.items_partitions
        self._index = index
        self._lock = Lock()
        # what the index names is committed; reading it must not wait for somebody's open transaction
        options = reader_options(settings, "marquee-gateway-item")
        self._consumer = Consumer(options | {"isolation.level": "read_uncommitted", "fetch.wait.max.ms": 20})

    def read(self, item_id: str, timeout_s: float = 3.0) -> Item | None:
        """The film as it was last put; None if it was never put or was removed.

        Raises:
            NotReadyError: if Kafka does not answer within ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        with self._lock:
            while (place := self._index.place(item_id)) is not None:
                message = self._fetch(item_id, place.offset, deadline)
                if message is not None and message.offset() == place.offset:
                    value = message.value()
                    return None if value is None else decode_item(value, _headers(message))
                # compaction took the record: a newer one is on its way to the index
                if time.monotonic() > deadline:
                    raise NotReadyError(f"item {item_id} could not be read from Kafka in time")
                time.sleep(0.02)
        return None

    def _fetch(self, item_id: str, offset: int, deadline: float) -> Message | None:
        partition = partition_of(item_id, self._partitions)
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        try:
            while (left := deadline - time.monotonic()) > 0:
                message = self._consumer.poll(left)
                if message is None or message.error() is None:
                    return message
        finally:
            self._consumer.unassign()
        return None

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._consumer.close()


def _headers(message: Message) -> list[tuple[str, bytes | None]]:
    # confluent-kafka's types allow what its C code never returns
    return message.headers() or []  # type: ignore[return-value]
