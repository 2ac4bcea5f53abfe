"""Taking partitions over without stopping the others: ask, load to the end, then fold.

Order matters (DESIGN section 3): first the committed source offset, stable; then the ends of the target
partitions, open transactions included; then reading up to them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import msgspec
from confluent_kafka import Message

from streaming.documents import HEARTBEAT_KEY
from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.assignments import decide
from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.kafka.loader import Loader
from streaming.kafka.offsets import EARLIEST, LATEST, OffsetQuery, Place, SourceQuery
from streaming.ledger.erasure import Eraser
from streaming.ledger.exceptions import StoreError
from streaming.ledger.owned import OwnedPartition, Phase
from streaming.observability import get_logger
from streaming.settings import Settings
from streaming.topics import TopicNames

log = get_logger("ledger.takeover")

POLL_RECORDS = 5_000
FLUSH_BYTES = 64 * 2**20
RETRY_S = 0.1


def load_start(mark: int, begin: int) -> int:
    """Where reading ``users.v1`` begins, given a local store that is complete up to ``mark``."""
    return max(mark, begin)


class _Progress:
    """The questions and goals of one partition."""

    def __init__(self, source: SourceQuery) -> None:
        self.source = source
        self.begins: OffsetQuery | None = None
        self.ends: OffsetQuery | None = None
        self.goals: dict[Place, tuple[int, int]] = {}
        self.not_before = 0.0


class Takeover:
    """Brings owned partitions from ASKING to READY (or STOPPED), a step at each :meth:`advance`."""

    def __init__(
        self, settings: Settings, admin: OffsetAdmin, loader: Loader, eraser: Eraser, accept_loss: bool
    ) -> None:
        self._settings, self._admin, self._loader, self._eraser = settings, admin, loader, eraser
        self._accept_loss = accept_loss
        self._names = TopicNames(settings.namespace)
        self._progress: dict[int, _Progress] = {}
        self._max_age_ms = settings.topics.delete_retention_ms // 2

    @property
    def busy(self) -> bool:
        """Whether a partition is being taken over."""
        return bool(self._progress)

    def begin(self, owned: OwnedPartition) -> None:
        """Start, or start over, with one partition."""
        self.cancel([owned.number])
        owned.phase, owned.reason = Phase.ASKING, ""
        source = SourceQuery(self._admin, self._names.ledger_group, [(self._names.ratings, owned.number)])
        self._progress[owned.number] = _Progress(source)

    def cancel(self, numbers: Iterable[int]) -> None:
        """Stop with partitions that are being taken over; others are no error."""
        for number in numbers:
            if self._progress.pop(number, None) is not None:
                self._loader.remove(self._targets(number))

    def advance(self, partitions: dict[int, OwnedPartition], ready: Callable[[OwnedPartition], None]) -> None:
        """Do what can be done without waiting; ``ready`` is called with each partition that may be folded."""
        if not self._progress:
            return
        for message in self._loader.poll(POLL_RECORDS):
            self._take(message, partitions)
        for number, progress in list(self._progress.items()):
            owned = partitions[number]
            try:
                self._step(owned, progress)
            except KafkaUnavailableError as error:
                log.info("take-over waits", partition=number, reason=str(error))
                self.begin(owned)
                self._progress[number].not_before = time.monotonic() + RETRY_S
            except StoreError as error:
                owned.rebuild(str(error))
                self.begin(owned)
            if owned.phase is Phase.READY:
                self._finish(owned)
                ready(owned)

    def _targets(self, number: int) -> tuple[Place, Place, Place]:
        names = self._names
        return (names.users, number), (names.erased, number), (names.popular, number)

    def _step(self, owned: OwnedPartition, progress: _Progress) -> None:
        if time.monotonic() < progress.not_before:
            return
        targets = self._targets(owned.number)
        if progress.ends is None or progress.begins is None:
            if not progress.source.done():
                return
            starts = decide(progress.source.result(), self._accept_loss)
            if starts.stopped:
                self.stop(owned, next(iter(starts.stopped.values())))
                return
            owned.start = starts.begin[0].offset
            progress.begins = OffsetQuery(self._admin, targets, EARLIEST)
            progress.ends = OffsetQuery(self._admin, targets, LATEST)
            owned.open_store(int(time.time() * 1000), self._max_age_ms)
        if owned.phase is Phase.ASKING:
            if not (progress.begins.done() and progress.ends.done()):
                return
            self._load(owned, progress, progress.begins.result(), progress.ends.result())
        for place, (start, end) in list(progress.goals.items()):
            if place in self._loader.errors:
                raise KafkaUnavailableError(f"{place[0]}-{place[1]}: {self._loader.errors[place]}")
            if self._loader.reached(place, start, end):
                del progress.goals[place]
        if not progress.goals and owned.phase is Phase.LOADING:
            owned.phase = Phase.READY

    def _load(
        self,
        owned: OwnedPartition,
        progress: _Progress,
        begins: dict[Place, int],
        ends: dict[Place, int],
    ) -> None:
        users, *others = self._targets(owned.number)
        if owned.mark > ends[users]:
            owned.rebuild(f"its mark {owned.mark} is beyond the end {ends[users]}")
        owned.erased, owned.published = {}, {}
        goals = {users: (load_start(owned.mark, begins[users]), ends[users])}
        goals |= {place: (begins[place], ends[place]) for place in others}
        progress.goals = {place: goal for place, goal in goals.items() if goal[0] < goal[1]}
        for place, (start, _) in progress.goals.items():
            self._loader.add(place, start)
        owned.phase = Phase.LOADING

    def _take(self, message: Message, partitions: dict[int, OwnedPartition]) -> None:
        owned = partitions.get(message.partition() or 0)
        key, value = message.key(), message.value()
        if owned is None or owned.phase is not Phase.LOADING or key == HEARTBEAT_KEY or key is None:
            return
        try:
            name = key.decode() if isinstance(key, bytes) else key
            if message.topic() == self._names.users:
                owned.load(name, value, message.offset() or 0)
                if owned.pending_bytes > FLUSH_BYTES:
                    owned.flush(int(time.time() * 1000))
            elif message.topic() == self._names.popular:
                if value is None:
                    owned.published.pop(name, None)
                else:
                    owned.published[name] = value
            elif value is None:
                owned.erased.pop(name, None)
            else:
                owned.erased[name] = self._eraser.decode(value)
        except StoreError as error:
            owned.rebuild(str(error))
            self.begin(owned)
        except (msgspec.MsgspecError, ValueError) as error:
            self.stop(owned, f"{message.topic()}-{message.partition()}@{message.offset()}: {error}")

    def stop(self, owned: OwnedPartition, reason: str) -> None:
        """Nothing more happens to this partition until an operator acts."""
        self.cancel([owned.number])
        owned.phase, owned.reason = Phase.STOPPED, reason
        log.error("partition stopped", partition=owned.number, reason=reason)

    def _finish(self, owned: OwnedPartition) -> None:
        wrong = owned.counts.compare(owned.published)
        owned.published = {}
        self._progress.pop(owned.number, None)
        self._loader.remove(self._targets(owned.number))
        log.info("partition taken over", partition=owned.number, offset=owned.start, counts_mended=wrong)
