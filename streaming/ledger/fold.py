"""The fold of ``ratings.v1`` into user documents (DESIGN section 3, "The fold, exactly"). Pure.

:class:`Fold` takes batches of records as Kafka gives them and says what each changes; nothing is written
here. The documents it holds are those of committed batches and of the one in hand: :meth:`Fold.forget` takes
that one back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from streaming.documents import HEARTBEAT_KEY, MAX_ITEMS, WEEK_MS
from streaming.events import InvalidEventError, RatingEvent, check_rating, decode_rating
from streaming.events.ratings import DAY_MS, MAX_VALUE, MIN_VALUE
from streaming.ids import id_problem
from streaming.kafka.dlq import DeadLetter, Header, HeaderList, dead_letter
from streaming.ledger.erasure import Eraser
from streaming.ledger.packed import (
    MARK,
    TIME,
    VALUE_SIZE,
    Packed,
    decode_packed,
    entry,
    item_key,
    pack_value,
    time_of,
    value_of,
)
from streaming.partition import partition_of

FROM_HEADER = "marquee-from"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KNOWN_LIMIT = 2_000_000
"""Ids remembered as valid; the memory starts over when it is full."""

Load = Callable[[str], bytes | None]
"""User id -> his committed document, None where there is none."""
Likes = dict[tuple[bytes, int], int]
"""(item key, week of event time) -> change of the number of likes."""


class Record(Protocol):
    """What the fold needs of a ``confluent_kafka.Message``."""

    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> Any: ...
    def timestamp(self) -> tuple[int, int]: ...


@dataclass
class PartitionState:
    """One partition of the fold.

    ``young`` and ``old`` are two generations of a cache of documents; ``erased`` maps hashes of erased users
    to their cutoffs in ms, ``cutoffs`` the ids of those of them that were seen.
    """

    number: int
    load: Load
    young: dict[str, Packed] = field(default_factory=dict)
    old: dict[str, Packed] = field(default_factory=dict)
    erased: dict[str, int] = field(default_factory=dict)
    cutoffs: dict[str, int] = field(default_factory=dict)


@dataclass
class PartitionChanges:
    """What a batch changes in one partition.

    An empty document is an erased one. ``erased`` holds new cutoffs, ``former`` those they replace.
    ``likes`` has one entry a threshold, in the order of the fold's thresholds.
    """

    documents: dict[str, Packed] = field(default_factory=dict)
    erased: dict[str, int] = field(default_factory=dict)
    former: dict[str, int | None] = field(default_factory=dict)
    likes: list[Likes] = field(default_factory=list)
    next_offset: int = 0
    appended_ms: int = 0
    """Append time of the last record."""

    def until(self, last: Record) -> None:
        """The batch goes up to and including ``last``."""
        self.next_offset, self.appended_ms = (last.offset() or 0) + 1, last.timestamp()[1]


@dataclass(frozen=True)
class Forward:
    """A misplaced record on its way to ``partition`` of ``ratings.v1``."""

    partition: int
    key: bytes
    value: bytes
    headers: list[Header]


@dataclass
class Changes:
    """What a batch changes: one transaction's worth."""

    partitions: dict[int, PartitionChanges] = field(default_factory=dict)
    forwards: list[Forward] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    events: int = 0


class Fold:
    """The ledger's state and its one transition.

    Args:
        topic: full name of ``ratings.v1``.
        dlq_topic: where what cannot be taken goes.
        partitions: of ``ratings.v1``.
        thresholds: from which rating on a film counts as liked, one like count each.
    """

    def __init__(
        self, topic: str, dlq_topic: str, partitions: int, eraser: Eraser, thresholds: Sequence[float] = ()
    ) -> None:
        self._topic, self._dlq_topic, self._count = topic, dlq_topic, partitions
        self._eraser = eraser
        self.thresholds: tuple[float, ...] = tuple(thresholds)
        self.states: dict[int, PartitionState] = {}
        self.keys: dict[str, bytes] = {}
        """Valid item ids and their keys."""
        self._home: dict[str, int] = {}
        """Valid user ids and their partitions."""
        self._decode = msgspec.json.Decoder(RatingEvent).decode

    def add(self, number: int, load: Load, erased: dict[str, int]) -> None:
        """Take up a partition, loaded to the end of its topics."""
        self.states[number] = PartitionState(number, load, erased=erased)

    def drop(self, number: int) -> None:
        """Let a partition go; one that is not held is no error."""
        self.states.pop(number, None)

    def fold(self, records: Iterable[Record]) -> Changes:
        """What ``records`` (in the order of each partition) change; all partitions must be held.

        Every record is decoded by itself: a hostile one reaches no other. The content-type header is looked
        at only where the bytes are no JSON event: no MessagePack event begins as one.
        """
        changes = Changes()
        decode, home, keys, pack = self._decode, self._home, self.keys, pack_value
        epoch, day, least, most = EPOCH, DAY_MS, MIN_VALUE, MAX_VALUE
        thresholds = self.thresholds
        single = thresholds[0] if len(thresholds) == 1 else None
        current = -1
        here, last = PartitionChanges(), None
        count = 0
        for record in records:
            partition: int = record.partition()  # type: ignore[assignment]
            if partition != current:
                if last is not None:
                    here.until(last)
                state, here = self._enter(partition, changes)
                current, young, cutoffs = partition, state.young, state.cutoffs
                changed = here.documents
                likes = here.likes[0] if here.likes else {}
            last = record
            count += 1
            try:
                event = decode(record.value())  # type: ignore[arg-type]
            except (msgspec.MsgspecError, TypeError, UnicodeDecodeError, RecursionError, ValueError):
                other = self._decode_other(record, changes)
                if other is None:
                    continue
                event = other
            user = event.user_id
            document = young.get(user)
            if document is None and home.get(user) != partition and not self._is_home(record, event, changes):
                continue
            value = event.value
            key = keys.get(event.item_id)
            since = event.event_time - epoch
            ms = since.days * day + since.seconds * 1000 + since.microseconds // 1000
            if (
                key is None
                or type(value) is not float
                or not least <= value <= most
                or ms < 0
                or ms >= record.timestamp()[1] + day
                or event.erase
            ):
                checked = self._check(record, event, changes)
                if checked is None:
                    continue
                ms, key = checked
                if event.erase:
                    self._erase(record, user, ms, state, here, changes)
                    continue
            if document is None:
                document = self._document(state, user)
            if cutoffs and ms <= cutoffs.get(user, -1):
                continue
            former = document.get(key)
            new = entry(key, None, ms) if value is None else key + pack(MARK, value, TIME, ms)
            if former is None:
                if len(document) >= MAX_ITEMS:
                    self._dead(record, f"the user already has {MAX_ITEMS} rated items", changes)
                    continue
            elif former[-8:] > new[-8:] or former == new:
                continue
            document[key] = new
            changed[user] = document
            if single is not None and former is None:
                if value is not None and value >= single:  # type: ignore[operator]
                    like = (key, ms // WEEK_MS)
                    likes[like] = likes.get(like, 0) + 1
            else:
                self._count_likes(here.likes, key, former, new)
        if last is not None:
            here.until(last)
        changes.events = count
        return changes

    def forget(self, changes: Changes) -> None:
        """Take back a batch that was not committed: its documents are loaded anew when next asked for."""
        for number, part in changes.partitions.items():
            state = self.states.get(number)
            if state is None:
                continue
            for user in part.documents:
                state.young.pop(user, None)
                state.old.pop(user, None)
                state.cutoffs.pop(user, None)
            for digest, cutoff in part.former.items():
                if cutoff is None:
                    state.erased.pop(digest, None)
                else:
                    state.erased[digest] = cutoff

    def trim(self, documents: int) -> None:
        """Keep about ``documents`` decoded documents at most, the recently used ones."""
        limit = max(1, documents // (2 * max(1, len(self.states))))
        for state in self.states.values():
            if len(state.young) > limit:
                state.old, state.young = state.young, {}
        for known in (self._home, self.keys):
            if len(known) > KNOWN_LIMIT:
                known.clear()

    def _enter(self, partition: int, changes: Changes) -> tuple[PartitionState, PartitionChanges]:
        here = changes.partitions.get(partition)
        if here is None:
            here = changes.partitions[partition] = PartitionChanges(likes=[{} for _ in self.thresholds])
        return self.states[partition], here

    def _decode_other(self, record: Record, changes: Changes) -> RatingEvent | None:
        """A record that is no plain JSON event: MessagePack, heartbeat, or a dead letter."""
        value = record.value()
        if value is None:
            if record.key() != HEARTBEAT_KEY:
                self._dead(record, "the record has no value", changes)
            return None
        try:
            return decode_rating(value, record.headers())
        except InvalidEventError as error:
            self._dead(record, error.reason, changes)
            return None

    def _is_home(self, record: Record, event: RatingEvent, changes: Changes) -> bool:
        """Whether the record lies on its user's partition; what does not is forwarded or dead."""
        user = event.user_id
        if problem := id_problem(user):
            self._dead(record, f"user_id {problem}", changes)
            return False
        partition = self._home.get(user)
        if partition is None:
            partition = self._home[user] = partition_of(user, self._count)
        if partition == record.partition():
            return True
        if self._check(record, event, changes) is None:
            return False
        headers: HeaderList = record.headers() or []
        if any(name == FROM_HEADER for name, _ in headers):
            self._dead(record, f"misplaced although forwarded: belongs on partition {partition}", changes)
            return False
        origin = f"{self._topic}-{record.partition()}@{record.offset()}"
        forward = Forward(
            partition, user.encode(), record.value() or b"", [*headers, (FROM_HEADER, origin.encode())]
        )
        changes.forwards.append(forward)
        return False

    def _check(self, record: Record, event: RatingEvent, changes: Changes) -> tuple[int, bytes] | None:
        """(event time in ms, item key) of an event that holds; else it is dead."""
        try:
            ms = check_rating(event, record.timestamp()[1])
        except InvalidEventError as error:
            self._dead(record, error.reason, changes)
            return None
        if event.erase:
            return ms, b""
        key = self.keys.get(event.item_id)
        if key is None:
            key = self.keys[event.item_id] = item_key(event.item_id)
        return ms, key

    def _document(self, state: PartitionState, user: str) -> Packed:
        document = state.old.get(user)
        if document is None:
            value = state.load(user)
            document = {} if value is None else decode_packed(value, self.keys)
        if state.erased:
            cutoff = state.erased.get(self._eraser.hash_of(user))
            if cutoff is not None:
                state.cutoffs[user] = cutoff
        state.young[user] = document
        return document

    def _erase(
        self,
        record: Record,
        user: str,
        ms: int,
        state: PartitionState,
        here: PartitionChanges,
        changes: Changes,
    ) -> None:
        if not self._eraser.ready:
            self._dead(record, "no erasure key is configured (erasure.key): nobody can be erased", changes)
            return
        document = state.young.get(user)
        if document is None:
            document = self._document(state, user)
        for key, former in document.items():
            self._count_likes(here.likes, key, former, None)
        state.young[user] = here.documents[user] = {}
        state.old.pop(user, None)
        digest = self._eraser.hash_of(user)
        former_cutoff = state.erased.get(digest)
        cutoff = max(ms, record.timestamp()[1], former_cutoff or 0)
        here.former.setdefault(digest, former_cutoff)
        here.erased[digest] = state.erased[digest] = state.cutoffs[user] = cutoff

    def _count_likes(self, deltas: list[Likes], key: bytes, former: bytes | None, new: bytes | None) -> None:
        for threshold, likes in zip(self.thresholds, deltas, strict=True):
            for packed, change in ((former, -1), (new, 1)):
                if packed is None or len(packed) - len(key) != VALUE_SIZE:
                    continue
                value = value_of(key, packed)
                if value is not None and value >= threshold:
                    like = (key, time_of(packed) // WEEK_MS)
                    likes[like] = likes.get(like, 0) + change

    def _dead(self, record: Record, reason: str, changes: Changes) -> None:
        letter = dead_letter(
            self._dlq_topic,
            (self._topic, record.partition() or 0, record.offset() or 0),
            record.key(),
            record.value(),
            record.headers(),
            reason,
            record.timestamp()[1],
        )
        changes.dead.append(letter)
