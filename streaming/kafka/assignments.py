"""Where a group's consumer begins: always an explicit offset, never a guess (DESIGN section 4, rule 6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from confluent_kafka import TopicPartition

from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.offsets import Place, SourceRange, source_ranges

ACCEPT_LOSS = "start once with --accept-loss to go on without them"
"""What to do about records that nobody can read any more."""


@dataclass
class Starts:
    """``begin``: partitions with explicit offsets. ``stopped``: why others must not be read."""

    begin: list[TopicPartition] = field(default_factory=list)
    stopped: dict[Place, str] = field(default_factory=dict)


def decide(ranges: dict[Place, SourceRange], accept_loss: bool) -> Starts:
    """Where each partition begins; pure.

    Out of range stops a partition unless ``accept_loss``, which begins it at what the log still holds. No
    committed offset means from the beginning.
    """
    starts = Starts()
    for (topic, partition), found in ranges.items():
        problem = found.problem()
        if problem is not None and not accept_loss:
            starts.stopped[topic, partition] = f"{problem}; {ACCEPT_LOSS}"
        else:
            starts.begin.append(TopicPartition(topic, partition, found.start()))
    return starts


def explicit_starts(
    admin: OffsetAdmin,
    group: str,
    places: Iterable[Place],
    accept_loss: bool = False,
    timeout_s: float = 15.0,
) -> Starts:
    """For ``on_assign``: asks for committed offsets and ranges and decides; waits out open transactions.

    Raises:
        KafkaUnavailableError: if Kafka does not answer within ``timeout_s``.
    """
    return decide(source_ranges(admin, group, places, timeout_s), accept_loss)
