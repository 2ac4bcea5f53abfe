"""Reading partitions to their end: the one catch-up primitive (DESIGN section 3, "to the end always means").

The end is what ``list_offsets(latest, READ_UNCOMMITTED)`` says; reading is read_committed; a partition is at
its end when the position is at or past it, which waits out open transactions (the position passes commit
markers and aborted records). Who loads what depends on a consumer group's offsets asks for the committed
source offset first (:class:`streaming.kafka.offsets.CommittedQuery`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from streaming.kafka.config import admin_options, reader_options
from streaming.kafka.connecting import connect
from streaming.kafka.exceptions import KafkaUnavailableError, OutOfRangeError
from streaming.kafka.offsets import TIMEOUT_S, Place, begin_offsets, end_offsets
from streaming.settings import Settings

BEGINNING = -2
"""Start of a partition whatever its first offset is (librdkafka's OFFSET_BEGINNING)."""


class Loader:
    """Partitions assigned by hand, read from explicit offsets; never blocks longer than it is told to.

    Not for use from two threads.
    """

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._consumer = Consumer(reader_options(settings, client_id))
        self._places: set[Place] = set()
        self.errors: dict[Place, str] = {}
        """Partitions that cannot be read from where they were begun (out of range), and why."""

    def add(self, place: Place, start: int = BEGINNING) -> None:
        """Begin to read ``place`` at ``start``."""
        self.errors.pop(place, None)
        self._places.add(place)
        self._consumer.incremental_assign([TopicPartition(*place, start)])

    def remove(self, places: Iterable[Place]) -> None:
        """Stop reading; those not added are no error."""
        gone = [place for place in places if place in self._places]
        self._places.difference_update(gone)
        for place in gone:
            self.errors.pop(place, None)
        if gone:
            self._consumer.incremental_unassign([TopicPartition(*place) for place in gone])

    def poll(self, count: int = 10_000, timeout_s: float = 0.0) -> list[Message]:
        """At most ``count`` records that have arrived, heartbeats included; waits at most ``timeout_s``."""
        good: list[Message] = []
        for message in self._consumer.consume(count, timeout_s):
            error = message.error()
            if error is None:
                good.append(message)
            elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                topic, partition = message.topic(), message.partition()
                if topic is not None and partition is not None:
                    self.errors[topic, partition] = error.str()
            elif error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART):
                raise KafkaException(error)
        if not self._places:
            return []
        return [m for m in good if (m.topic(), m.partition()) in self._places]

    def follow(self, timeout_s: float) -> list[Message]:
        """As :meth:`poll`, but back as soon as anything is there: for few records that are waited for.

        :meth:`poll` waits for its whole time unless so many records come, which suits loading.
        """
        return self.poll(1, timeout_s) + self.poll()

    def position(self, place: Place) -> int:
        """The next offset to be read, or negative where nothing was read yet."""
        return self._consumer.position([TopicPartition(*place)])[0].offset

    def reached(self, place: Place, start: int, end: int) -> bool:
        """Whether :meth:`poll` returned everything before ``end``; ``start`` is where reading began."""
        return max(start, self.position(place)) >= end

    def check(self) -> None:
        """For who follows for ever: nothing comes any more from a partition that is out of range.

        Raises:
            OutOfRangeError: there is one: the topic was made anew, or the broker lost records.
        """
        for (topic, partition), reason in self.errors.items():
            raise OutOfRangeError(f"{topic}-{partition} cannot be read on: {reason}")

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


def read_to_end(
    settings: Settings,
    starts: Mapping[Place, int],
    on_record: Callable[[Message], None],
    client_id: str = "marquee-reader",
    timeout_s: float = 120.0,
) -> dict[Place, int]:
    """Hand every record of the partitions, from their starts to their ends, to ``on_record``; waits.

    Args:
        starts: first offset to read of each partition, or :data:`BEGINNING`.

    Returns:
        the end of each partition up to which it was read (exclusive).

    Raises:
        KafkaUnavailableError: if Kafka does not answer or the ends are not reached within ``timeout_s``.
    """
    if not starts:
        return {}
    admin = AdminClient(admin_options(settings, client_id))
    try:
        connect(admin, next(iter(starts))[0], TIMEOUT_S)
    except KafkaException as error:
        raise KafkaUnavailableError(f"Kafka does not answer: {error.args[0].str()}") from None
    ends = end_offsets(admin, starts)
    begins = begin_offsets(admin, [place for place, start in starts.items() if start == BEGINNING])
    real = {place: begins.get(place, start) for place, start in starts.items()}
    left = {place for place, end in ends.items() if real[place] < end}
    loader = Loader(settings, client_id)
    until = time.monotonic() + timeout_s
    try:
        for place in left:
            loader.add(place, real[place])
        while left:
            for message in loader.follow(0.05):
                on_record(message)
            left = {place for place in left if not loader.reached(place, real[place], ends[place])}
            if loader.errors:
                place, reason = next(iter(loader.errors.items()))
                raise KafkaUnavailableError(f"{place[0]}-{place[1]} cannot be read: {reason}")
            if left and time.monotonic() > until:
                topic, partition = min(left)
                raise KafkaUnavailableError(
                    f"{topic}-{partition} could not be read to its end within {timeout_s:g} s"
                )
    finally:
        loader.close()
    return ends
