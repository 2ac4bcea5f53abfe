"""The batch of films that an indexer has in hand between consuming and committing it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from confluent_kafka import Message

from streaming.space.background import Background
from streaming.space.encoding import Outcome
from streaming.space.intake import Action, Encode, Source


@dataclass
class Held:
    """A batch in hand. ``metadata`` is the group's when the batch was consumed, and serves it only.

    ``appended`` says when the first and the last record of each partition were, in ms.
    """

    actions: list[tuple[Source, Action]]
    begins: dict[int, int]
    ends: dict[int, int]
    appended: dict[int, tuple[int, int]]
    metadata: object
    wanted: list[tuple[Source, Encode]] = field(default_factory=list)
    outcomes: list[Outcome] | None = None
    encoding: Background[list[Outcome]] | None = None
    retry_at: float = 0.0

    def results(self) -> dict[int, Outcome]:
        """``id`` of the source of each film to encode -> what came of it; only once all are there."""
        assert self.outcomes is not None
        return {id(source): o for (source, _), o in zip(self.wanted, self.outcomes, strict=True)}


def append_times(messages: Iterable[Message]) -> dict[int, tuple[int, int]]:
    """Partition -> when its first and its last record were appended, ms since 1970; errors say nothing."""
    times: dict[int, tuple[int, int]] = {}
    for message in messages:
        partition, at_ms = message.partition(), message.timestamp()[1]
        if message.error() is None and partition is not None:
            times[partition] = (times.get(partition, (at_ms, 0))[0], at_ms)
    return times
