"""Asking Kafka for offsets without blocking: ends, beginnings, stable committed offsets.

Ends are asked for READ_UNCOMMITTED: the last stable offset lags a commit that was already
acknowledged, so it is never what "to the end" means (DESIGN section 3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_INVALID,
    IsolationLevel,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.answers import answered
from streaming.kafka.exceptions import KafkaUnavailableError

Place = tuple[str, int]
"""(topic, partition)."""

Answer = TypeVar("Answer")

TIMEOUT_S = 5.0
EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]
NEWEST = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]


def catch_up_isolation() -> IsolationLevel:
    """The isolation under which the end of a catch-up is asked for."""
    return IsolationLevel.READ_UNCOMMITTED


class OffsetQuery:
    """Beginnings or ends of partitions, on their way. Raises nothing until :meth:`result`."""

    def __init__(self, admin: AdminClient, places: Iterable[Place], spec: OffsetSpec) -> None:
        wanted = {TopicPartition(topic, partition): spec for topic, partition in places}
        self._futures: dict[TopicPartition, Future[Any]] = (
            admin.list_offsets(wanted, isolation_level=catch_up_isolation(), request_timeout=TIMEOUT_S)
            if wanted
            else {}
        )

    def done(self) -> bool:
        """Whether :meth:`result` would not wait."""
        return all(future.done() for future in self._futures.values())

    def result(self) -> dict[Place, int]:
        """Offset of each partition.

        Raises:
            KafkaUnavailableError: if Kafka did not answer for one of them.
        """
        return {place: info.offset for place, info in self._infos().items()}

    def timestamps(self) -> dict[Place, int]:
        """Timestamp in ms of each answer; -1 where there is none. Raises as :meth:`result`."""
        return {place: info.timestamp for place, info in self._infos().items()}

    def _infos(self) -> dict[Place, Any]:
        infos: dict[Place, Any] = {}
        for place, future in self._futures.items():
            try:
                infos[place.topic, place.partition] = answered(future, TIMEOUT_S + 1)
            except KafkaException as error:
                raise KafkaUnavailableError(
                    f"no offset of {place.topic}-{place.partition} from Kafka: {error}"
                ) from None
        return infos


class CommittedQuery:
    """Stable committed offsets of a group, on their way."""

    def __init__(self, admin: OffsetAdmin, group: str, places: Iterable[Place]) -> None:
        self._future = admin.committed(group, places)

    def done(self) -> bool:
        """Whether :meth:`result` would not wait."""
        return self._future.done()

    def result(self) -> dict[Place, int | None]:
        """Committed offset of each partition, None where the group never committed one.

        Raises:
            KafkaUnavailableError: Kafka did not answer, or a transaction over one of them is still open.
        """
        try:
            answer = answered(self._future, TIMEOUT_S + 1)
        except KafkaException as error:
            raise KafkaUnavailableError(f"no committed offsets from Kafka: {error}") from None
        offsets: dict[Place, int | None] = {}
        for place in answer:
            if place.error is not None:
                raise KafkaUnavailableError(
                    f"no committed offset of {place.topic}-{place.partition}: {place.error.str()}"
                )
            offsets[place.topic, place.partition] = None if place.offset <= OFFSET_INVALID else place.offset
        return offsets


@dataclass(frozen=True)
class SourceRange:
    """Where a group stands in a partition: what is committed, and what the log still (already) holds."""

    committed: int | None
    begin: int
    end: int

    def problem(self) -> str | None:
        """Why reading cannot go on from the committed offset, or None (DESIGN section 4, rule 6)."""
        if self.committed is None:
            return None
        if self.committed < self.begin:
            return f"{self.begin - self.committed} records were deleted before they were read"
        if self.committed > self.end:
            return f"the committed offset {self.committed} is beyond the end {self.end}: the topic is another"
        return None

    def start(self) -> int:
        """Where to read on: the committed offset, or the beginning where there is none or it is lost."""
        if self.committed is None or self.problem() is not None:
            return self.begin
        return self.committed


class SourceQuery:
    """The :class:`SourceRange` of partitions of a consumer group, on their way."""

    def __init__(self, admin: OffsetAdmin, group: str, places: Iterable[Place]) -> None:
        places = list(places)
        # one after the other: offsets first, so that the end is at least what is committed
        self._admin, self._places = admin, places
        self._committed = CommittedQuery(admin, group, places)
        self._rest: tuple[OffsetQuery, OffsetQuery] | None = None

    def done(self) -> bool:
        """Whether :meth:`result` would not wait; asks the second question once the first is answered."""
        if self._rest is None:
            if not self._committed.done():
                return False
            self._ask()
        assert self._rest is not None
        return all(query.done() for query in self._rest)

    def _ask(self) -> None:
        self._rest = (
            OffsetQuery(self._admin, self._places, EARLIEST),
            OffsetQuery(self._admin, self._places, LATEST),
        )

    def result(self) -> dict[Place, SourceRange]:
        """Raises KafkaUnavailableError as the two queries do."""
        committed = self._committed.result()
        if self._rest is None:
            self._ask()
        assert self._rest is not None
        begin, end = (query.result() for query in self._rest)
        return {place: SourceRange(committed[place], begin[place], end[place]) for place in self._places}


def end_offsets(admin: AdminClient, places: Iterable[Place], timeout_s: float = 15.0) -> dict[Place, int]:
    """The ends, open transactions included; waits. Raises KafkaUnavailableError after ``timeout_s``."""
    places = list(places)
    return _patiently(lambda: OffsetQuery(admin, places, LATEST).result(), timeout_s)


def begin_offsets(admin: AdminClient, places: Iterable[Place], timeout_s: float = 15.0) -> dict[Place, int]:
    """The beginnings; waits. Raises KafkaUnavailableError after ``timeout_s``."""
    places = list(places)
    return _patiently(lambda: OffsetQuery(admin, places, EARLIEST).result(), timeout_s)


def source_ranges(
    admin: OffsetAdmin, group: str, places: Iterable[Place], timeout_s: float = 15.0
) -> dict[Place, SourceRange]:
    """Committed offsets and ranges; waits out open transactions.

    Raises:
        KafkaUnavailableError: if it takes longer than ``timeout_s``.
    """
    places = list(places)
    return _patiently(lambda: SourceQuery(admin, group, places).result(), timeout_s)


def _patiently(ask: Callable[[], Answer], timeout_s: float) -> Answer:
    """Ask again until there is an answer: leaders move, new topics have none yet, transactions end."""
    until = time.monotonic() + timeout_s
    while True:
        try:
            return ask()
        except KafkaUnavailableError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
