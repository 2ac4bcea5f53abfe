"""Reading topics to the end, for checks: explicit positions, committed records only, bounded memory."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import NamedTuple, Self

from confluent_kafka import Message
from confluent_kafka.admin import AdminClient

from streaming.documents import HEARTBEAT_KEY
from streaming.kafka.config import admin_options
from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.kafka.loader import Loader
from streaming.kafka.offsets import begin_offsets, end_offsets
from streaming.settings import Settings

CLIENT_ID = "marquee-check"
TIMEOUT_S = 60.0
"""Without any progress for so long a read gives up; an open transaction ends after 11 s."""

Headers = list[tuple[str, bytes | None]]


def quiet_admin(settings: Settings) -> AdminClient:
    """An admin client that says nothing by itself: what goes wrong reaches its callers as exceptions."""
    return AdminClient({"log_level": 2, **admin_options(settings, CLIENT_ID)})


class Record(NamedTuple):
    """One record, heartbeats left out."""

    topic: str
    partition: int
    offset: int
    appended_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def headers_of(message: Message) -> Headers:
    """The headers of a record, as they lie in the log."""
    headers = message.headers() or ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    return [(name, value.encode() if isinstance(value, str) else value) for name, value in pairs]


def record_of(message: Message) -> Record:
    """The record that librdkafka delivered."""
    topic, partition, offset, key = message.topic(), message.partition(), message.offset(), message.key()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return Record(
        topic,
        partition,
        offset,
        message.timestamp()[1],
        key.encode() if isinstance(key, str) else key,
        message.value(),
        headers_of(message),
    )


class TopicReader:
    """Reads partitions of one topic from their beginning; :meth:`read_on` as often as one likes.

    The end is where the log ended when :meth:`read_on` was called, open transactions included: those
    are waited out (DESIGN section 3, "to the end").

    Raises:
        KafkaUnavailableError: Kafka does not answer, or there is no such topic.
    """

    def __init__(self, settings: Settings, topic: str, partitions: Iterable[int]) -> None:
        self.topic = topic
        self._admin = quiet_admin(settings)
        begins = begin_offsets(self._admin, [(topic, partition) for partition in partitions])
        self.first = {partition: offset for (_, partition), offset in begins.items()}
        """Offset at which each partition begins now; above 0 its oldest records are gone."""
        self.ends = dict(self.first)
        """Up to where each partition was read, exclusive."""
        self._loader = Loader(settings, CLIENT_ID)
        for place, offset in begins.items():
            self._loader.add(place, offset)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        self._loader.close()

    def read_on(self) -> Iterator[Record]:
        """Records from where the last call stopped to the end as it is now; a partition's are in order.

        Raises:
            KafkaUnavailableError: Kafka answers no more, or a transaction never ends.
        """
        ends = end_offsets(self._admin, [(self.topic, partition) for partition in self.first])
        waiting = {place for place, end in ends.items() if self.ends[place[1]] < end}
        until = time.monotonic() + TIMEOUT_S
        while waiting:
            messages = self._loader.poll(timeout_s=0.05)
            for message in messages:
                if message.key() != HEARTBEAT_KEY:
                    yield record_of(message)
            if messages:
                until = time.monotonic() + TIMEOUT_S
            waiting = {p for p in waiting if not self._loader.reached(p, self.first[p[1]], ends[p])}
            if self._loader.errors:
                (topic, partition), reason = next(iter(self._loader.errors.items()))
                raise KafkaUnavailableError(f"{topic}-{partition} cannot be read: {reason}")
            if waiting and time.monotonic() > until:
                raise KafkaUnavailableError(f"{self.topic} cannot be read to its end: {sorted(waiting)}")
        self.ends = {partition: end for (_, partition), end in ends.items()}
