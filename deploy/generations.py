"""New generations of a space's user collection, so that erased users leave Milvus' files (rule 7).

Milvus Lite hides deleted rows and keeps them in its files. A control change names a new generation; the
space's worker fills its collection and drops the older ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec
from confluent_kafka import Message

from streaming.control.documents import Change, SpaceDocument
from streaming.control.state import ControlState
from streaming.control.writer import change_control
from streaming.documents import HEARTBEAT_KEY
from streaming.exceptions import NotFoundError
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.ledger.erasure import decode_erasure
from streaming.observability.logging import get_logger
from streaming.settings import Settings
from streaming.topics import TopicNames

DAY_MS = 86_400_000
SPARE_DAYS = 2.0
"""A rebuild begins so long before its deadline: time for what is down to come up again."""
OVERLAP_MS = 3_600_000
"""An erasure shortly before a generation began may have reached its rows only afterwards."""

log = get_logger(__name__)


def oldest_outstanding(space: SpaceDocument, erasures_ms: Iterable[int]) -> int | None:
    """The first erasure whose rows may still lie in the files of the space's present generation. Pure.

    Args:
        erasures_ms: times of all erasures known, in ms since 1970.
    """
    began = space.generation_at_ms or (space.history[0].at_ms if space.history else 0)
    return min((at for at in erasures_ms if at > began - OVERLAP_MS), default=None)


def is_due(oldest_ms: int | None, now_ms: int, deadline_days: float) -> bool:
    """Whether a rebuild must begin now for files to be clean ``deadline_days`` after an erasure. Pure."""
    if oldest_ms is None:
        return False
    return now_ms >= oldest_ms + max(0.0, deadline_days - SPARE_DAYS) * DAY_MS


def erasure_times(settings: Settings) -> list[int]:
    """When users were erased (ms since 1970), from ``erased.v1``.

    Raises:
        UnavailableError: if Kafka does not answer.
    """
    found: list[int] = []

    def take(message: Message) -> None:
        value = message.value()
        if message.key() == HEARTBEAT_KEY or value is None:
            return
        try:
            found.append(decode_erasure(value).cutoff_ms)
        except ValueError as error:
            log.error("erasure passed over", partition=message.partition(), error=str(error))

    topic = TopicNames(settings.namespace).erased
    places = {(topic, number): BEGINNING for number in range(settings.topics.ratings_partitions)}
    read_to_end(settings, places, take, "marquee-erasures")
    return found


def due_spaces(settings: Settings, spaces: Iterable[SpaceDocument]) -> list[str]:
    """Ids of the spaces that must move to a new generation now. Raises UnavailableError."""
    times = erasure_times(settings)
    now = int(time.time() * 1000)
    return [
        space.space
        for space in spaces
        if is_due(oldest_outstanding(space, times), now, settings.erasure.deadline_days)
    ]


def raise_generation(settings: Settings, space_id: str, operator: str, reason: str) -> SpaceDocument:
    """Have the space's users moved to a new collection.

    Raises:
        NotFoundError: there is no such live space.
        ConflictError, UnavailableError: as :func:`change_control`.
    """

    def next_generation(state: ControlState, change: Change) -> Sequence[SpaceDocument]:
        space = state.live.get(space_id)
        if space is None:
            raise NotFoundError(f"no live space {space_id}; `marquee rollout status` lists them")
        return [
            msgspec.structs.replace(
                space, generation=space.generation + 1, generation_at_ms=change.at_ms, change=change
            )
        ]

    return change_control(settings, operator, reason, next_generation).spaces[space_id]
