"""What is to be done with a record of ``items.v1``. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streaming.documents import HEARTBEAT_KEY
from streaming.events import InvalidEventError, Item, check_item, decode_item
from streaming.ids import id_problem
from streaming.partition import partition_of

FROM_HEADER = "marquee-from"
"""On a forwarded record: ``topic-partition@offset`` of where it lay."""
MOVED_HEADER = "marquee-moved"
"""On the tombstone that is left where a forwarded record lay: it removes nothing."""

Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Source:
    """A record as it was read; ``headers`` may be empty."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def place(self) -> str:
        """``topic-partition@offset``."""
        return f"{self.topic}-{self.partition}@{self.offset}"

    def has(self, header: str) -> bool:
        """Whether a header of that name is there."""
        return any(name == header for name, _ in self.headers)


@dataclass(frozen=True)
class Skip:
    """Nothing."""


@dataclass(frozen=True)
class Encode:
    """The item gets a vector."""

    item: Item


@dataclass(frozen=True)
class Remove:
    """The item is no more."""

    item_id: str


@dataclass(frozen=True)
class Forward:
    """The record goes where it belongs; where it lay, a tombstone marked with ``MOVED_HEADER`` stays."""

    item_id: str
    partition: int


@dataclass(frozen=True)
class Dead:
    """It can never be taken; it goes to the DLQ."""

    reason: str


Action = Skip | Encode | Remove | Forward | Dead


def decide(source: Source, partitions: int) -> Action:
    """What the record asks for, where ``items.v1`` has this many partitions.

    A record counts only on its item's partition and under its item's key: only there does compaction keep
    the newest. Elsewhere it is forwarded, once.
    """
    key = source.key
    if key is None or key == HEARTBEAT_KEY or (source.value is None and source.has(MOVED_HEADER)):
        return Skip()
    try:
        named = key.decode()
    except UnicodeDecodeError:
        return Dead("the key is not UTF-8")
    if source.value is None:
        if problem := id_problem(named):
            return Dead(f"the key {problem}")
        action: Encode | Remove = Remove(named)
        item_id = named
    else:
        try:
            item = check_item(decode_item(source.value, source.headers))
        except InvalidEventError as error:
            return Dead(error.reason)
        action = Encode(item)
        item_id = item.item_id
    right = partition_of(item_id, partitions)
    if source.partition == right and named == item_id:
        return action
    if source.has(FROM_HEADER):
        return Dead(f"forwarded, and still not on partition {right} under its item's key")
    return Forward(item_id, right)


def last_of_each(actions: Sequence[tuple[Source, Action]]) -> list[tuple[Source, Encode | Remove]]:
    """The last Encode or Remove of each item, in the order of the records: what a compacted topic says."""
    kept: dict[str, tuple[Source, Encode | Remove]] = {}
    for source, action in actions:
        if isinstance(action, (Encode, Remove)):
            item_id = action.item.item_id if isinstance(action, Encode) else action.item_id
            kept.pop(item_id, None)
            kept[item_id] = (source, action)
    return list(kept.values())
