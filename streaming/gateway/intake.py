"""Events into Kafka: on the right partition, with CloudEvents headers, answered once acknowledged."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from streaming.events import JSON, InvalidEventError, Item, RatingEvent, encode
from streaming.events.feedback import Feedback
from streaming.gateway.answers import Served
from streaming.gateway.exceptions import LedgerBehindError, NotAcknowledgedError, NotReadyError
from streaming.gateway.items import Place
from streaming.gateway.problems import RowError
from streaming.gateway.producer import Record
from streaming.gateway.state import GatewayState
from streaming.partition import partition_of

SOURCE = "/marquee/gateway"
RATING, ITEM, REMOVED, SERVED, FEEDBACK = (
    f"marquee.{kind}.v1" for kind in ("rating", "item", "item-removed", "served", "feedback")
)
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

Headers = list[tuple[str, str | bytes | None]]


class Taken(msgspec.Struct, frozen=True):
    """What was taken: how many rows Kafka has acknowledged, and what is wrong with the others."""

    accepted: int
    rejected: int = 0
    errors: tuple[RowError, ...] = ()


class PartlyAcknowledgedError(NotAcknowledgedError):
    """Kafka did not acknowledge some rows; ``taken`` says which."""

    def __init__(self, taken: Taken, reason: str) -> None:
        super().__init__(f"Kafka did not acknowledge every row ({reason}); sending all again is harmless")
        self.taken = taken


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def cloud_headers(kind: str, request: Mapping[str, str]) -> Headers:
    """CloudEvents in binary mode, and the caller's ``traceparent`` where it is one."""
    headers: Headers = [
        ("content-type", JSON),
        ("ce_id", uuid.uuid4().hex),
        ("ce_source", SOURCE),
        ("ce_type", kind),
        ("ce_time", datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")),
        ("ce_specversion", "1.0"),
    ]
    trace = request.get("traceparent", "")
    if _TRACE.fullmatch(trace):
        headers.append(("traceparent", trace))
    return headers


class Intake:
    """Takes checked events; every method is awaited on the event loop."""

    def __init__(self, state: GatewayState) -> None:
        self._state = state
        self._topics = state.settings.topics

    async def ratings(
        self, rows: Sequence[RatingEvent | InvalidEventError], request: Mapping[str, str]
    ) -> Taken:
        """Send the good rows, in order, and say what is wrong with the others.

        Raises:
            LedgerBehindError: if ratings may expire before they are folded.
            PartlyAcknowledgedError: if Kafka did not acknowledge each of them in time.
        """
        if self._state.lag.behind:
            raise LedgerBehindError(
                "ratings wait for the ledger for so long that more may be lost; try later"
            )
        events = [(index, row) for index, row in enumerate(rows) if isinstance(row, RatingEvent)]
        errors = [
            RowError(index, row.reason, row.field)
            for index, row in enumerate(rows)
            if isinstance(row, InvalidEventError)
        ]
        records = [self._rating(event, request) for _, event in events]
        lost = []
        for (index, event), delivery in zip(events, await self._state.producer.send(records), strict=True):
            if delivery.error is not None:
                lost.append(RowError(index, f"not acknowledged: {delivery.error}"))
            elif event.erase:
                self._state.acknowledged.forget(event.user_id)
            else:
                self._state.acknowledged.add(event.user_id, event.item_id)
        failed = tuple(sorted(errors + lost, key=lambda error: error.index))
        taken = Taken(len(events) - len(lost), len(failed), failed)
        if lost:
            raise PartlyAcknowledgedError(taken, lost[0].detail)
        return taken

    async def items(
        self, rows: Sequence[tuple[Item, bool] | InvalidEventError], request: Mapping[str, str]
    ) -> Taken:
        """Put the good films, in order. One that says nothing of its poster keeps the one it has.

        Raises:
            NotReadyError: if the gateway has not yet read which posters there are.
            PartlyAcknowledgedError: if Kafka did not acknowledge each of them in time.
        """
        self.require_items()
        index = self._state.items
        films: list[tuple[int, Item]] = []
        errors = []
        for number, row in enumerate(rows):
            if isinstance(row, InvalidEventError):
                errors.append(RowError(number, row.reason, row.field))
                continue
            item, says_poster = row
            place = None if says_poster else index.place(item.item_id)
            if place is not None and place.poster_sha256:
                item = msgspec.structs.replace(item, poster_sha256=place.poster_sha256)
            films.append((number, item))
        records = [self._item(item.item_id, encode(item), ITEM, request) for _, item in films]
        lost = []
        for (number, item), delivery in zip(films, await self._state.producer.send(records), strict=True):
            if delivery.error is not None:
                lost.append(RowError(number, f"not acknowledged: {delivery.error}"))
            else:
                index.note(item.item_id, Place(delivery.offset, True, item.poster_sha256))
        failed = tuple(sorted(errors + lost, key=lambda error: error.index))
        taken = Taken(len(films) - len(lost), len(failed), failed)
        if lost:
            raise PartlyAcknowledgedError(taken, lost[0].detail)
        return taken

    async def remove_item(self, item_id: str, request: Mapping[str, str]) -> None:
        """Remove a film; one that is not there is no error. Raises NotAcknowledgedError."""
        offset = await self._state.producer.send_one(self._item(item_id, None, REMOVED, request))
        self._state.items.note(item_id, Place(offset, False))

    async def feedback(
        self, rows: Sequence[Feedback | InvalidEventError], request: Mapping[str, str]
    ) -> Taken:
        """Send the good events about answers, and say what is wrong with the others.

        Raises:
            PartlyAcknowledgedError: if Kafka did not acknowledge each of them in time.
        """
        events = [(index, row) for index, row in enumerate(rows) if isinstance(row, Feedback)]
        errors = [
            RowError(index, row.reason, row.field)
            for index, row in enumerate(rows)
            if isinstance(row, InvalidEventError)
        ]
        records = [self._feedback(event, request) for _, event in events]
        lost = [
            RowError(index, f"not acknowledged: {delivery.error}")
            for (index, _), delivery in zip(events, await self._state.producer.send(records), strict=True)
            if delivery.error is not None
        ]
        failed = tuple(sorted(errors + lost, key=lambda error: error.index))
        taken = Taken(len(events) - len(lost), len(failed), failed)
        if lost:
            raise PartlyAcknowledgedError(taken, lost[0].detail)
        return taken

    def served(self, answer: Served) -> None:
        """Note what was answered, without waiting for it."""
        partition = partition_of(answer.recommendation_id, self._topics.ratings_partitions)
        key = answer.recommendation_id.encode()
        value = msgspec.json.encode(answer)
        headers: Headers = [("content-type", JSON), ("ce_type", SERVED)]
        self._state.producer.forget(Record(self._state.names.served, partition, key, value, headers))

    def require_items(self) -> None:
        """Raises NotReadyError until the gateway has read which films there are."""
        if not self._state.items_follower.caught_up.is_set():
            raise NotReadyError("the films are being read")

    def _rating(self, event: RatingEvent, request: Mapping[str, str]) -> Record:
        partition = partition_of(event.user_id, self._topics.ratings_partitions)
        headers = cloud_headers(RATING, request)
        return Record(self._state.names.ratings, partition, event.user_id.encode(), encode(event), headers)

    def _feedback(self, event: Feedback, request: Mapping[str, str]) -> Record:
        # on the partition of its answer in ``served.v1``, which has as many
        partition = partition_of(event.recommendation_id, self._topics.ratings_partitions)
        headers = cloud_headers(FEEDBACK, request)
        key = event.recommendation_id.encode()
        return Record(self._state.names.events, partition, key, msgspec.json.encode(event), headers)

    def _item(self, item_id: str, value: bytes | None, kind: str, request: Mapping[str, str]) -> Record:
        partition = partition_of(item_id, self._topics.items_partitions)
        headers = cloud_headers(kind, request)
        return Record(self._state.names.items, partition, item_id.encode(), value, headers)
