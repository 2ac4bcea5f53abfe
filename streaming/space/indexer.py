"""The thread that takes ``items.v1`` through the item encoder to the space's vectors topic, exactly once."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streaming.exceptions import NotFoundError, UnavailableError
from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.assignments import ACCEPT_LOSS, explicit_starts
from streaming.kafka.config import consumer_options
from streaming.kafka.exceptions import KafkaUnavailableError, TransactionAbortedError
from streaming.kafka.offsets import Place
from streaming.observability.logging import get_logger
from streaming.settings import Settings
from streaming.space.background import Background
from streaming.space.backoff import Backoff
from streaming.space.encoding import Encode as EncodeItems
from streaming.space.held import Held, append_times
from streaming.space.intake import Encode, Headers, Source, decide, last_of_each
from streaming.space.output import IndexerOutput
from streaming.space.reconciler import Reconciler
from streaming.space.removals import UnreadRemovals
from streaming.space.state import SpaceState
from streaming.topics import TopicNames

log = get_logger(__name__)


class Indexer(threading.Thread):
    """Consume, encode with partitions paused and polling going on, then one transaction."""

    def __init__(
        self,
        settings: Settings,
        state: SpaceState,
        reconciler: Reconciler,
        encode: EncodeItems,
        client_id: str,
        transactional_id: str,
        positions: dict[Place, int],
        accept_loss: bool = False,
    ) -> None:
        super().__init__(name="indexer", daemon=True)
        self._settings, self._state, self._reconciler, self._encode = settings, state, reconciler, encode
        names = TopicNames(settings.namespace)
        self._items = names.items
        self._group = names.indexer_group(state.space.space)
        self._client_id = client_id
        self._admin = OffsetAdmin(settings, client_id)
        vectors = names.vectors(state.space.space)
        self._removals = UnreadRemovals(settings, self._items, vectors, client_id)
        self._stopped = threading.Event()
        self._output = IndexerOutput(
            settings, state.space.space, self._admin, client_id, transactional_id, self._stopped.is_set
        )
        self._accept_loss, self._positions = accept_loss, positions
        self._gone: set[int] = set()
        self._begun: dict[int, int] = {}
        self._member = ""
        self._held: Held | None = None
        self._backoff = Backoff(0.2, 5.0)
        self._next_batch = 0.0
        self._next_note = 0.0
        self.stopped_partitions: dict[Place, str] = {}
        """Partitions whose committed offset is out of range, and why they are not read."""
        self.problem: str | None = None
        """Why the batch in hand waits, or None."""
        self.failure: Exception | None = None

    @property
    def holding(self) -> int:
        """Items of the batch in hand."""
        held = self._held
        return len(held.wanted) if held is not None else 0

    @property
    def working(self) -> bool:
        """Whether films are being encoded: they are in hand, and nothing is away that they wait for."""
        return self.holding > 0 and self.problem is None

    def stop(self) -> None:
        """Finish a transaction under way, leave the group and end."""
        self._stopped.set()

    def run(self) -> None:
        """The thread's loop."""
        consumer: Consumer | None = None
        try:
            self._output.start()
            consumer = Consumer(consumer_options(self._settings, self._group, self._client_id))
            consumer.subscribe(
                [self._items], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )
            while not self._stopped.is_set():
                self._turn(consumer)
                self._note_positions(consumer)
        except Exception as error:
            if not self._stopped.is_set():
                log.exception("the indexer has failed")
                self.failure = error
        finally:
            self._held = None
            if consumer is not None:
                consumer.close()

    # one turn ----------------------------------------------------------------------------------------

    def _turn(self, consumer: Consumer) -> None:
        held = self._held
        if held is None:
            self._remove_unread(consumer)
            self._consume(consumer)
            return
        self._poll_paused(consumer, 0.01 if held.outcomes is None else 0.0)
        held = self._held
        if held is None:
            return
        if held.outcomes is None:
            self._go_on(held)
        if held.outcomes is not None:
            self._commit(consumer, held)

    def _poll_paused(self, consumer: Consumer, wait_s: float) -> None:
        """Serve rebalances and the poll interval while a batch is in hand."""
        message = consumer.poll(wait_s)
        self._state.polled("items")
        if message is not None and (source := self._source(consumer, message)) is not None:
            # it slipped through before its partition was paused; it is read again afterwards
            consumer.seek(TopicPartition(source.topic, source.partition, source.offset))

    def _consume(self, consumer: Consumer) -> None:
        self._gone.clear()
        self._begun.clear()
        first = consumer.poll(0.05)
        self._state.polled("items")
        if first is None:
            self._removals.caught_up()
            self._append_heartbeats(consumer)
            return
        messages = [first, *consumer.consume(self._settings.space.index_batch - 1, 0.005)]
        metadata = self._metadata(consumer)
        sources = [source for message in messages if (source := self._source(consumer, message))]
        if not sources:
            return
        begins: dict[int, int] = {}
        for source in sources:
            begins.setdefault(source.partition, source.offset)
        if self._gone & begins.keys() or (consumer.memberid() or "") != self._member:
            # a rebalance ran while the batch came in: what was revoked is dropped whole
            self._rewind(consumer, begins)
            return
        actions = [(source, decide(source, self._settings.topics.items_partitions)) for source in sources]
        self._held = Held(
            actions=actions,
            begins=begins,
            ends={source.partition: source.offset + 1 for source in sources},
            appended=append_times(messages),
            metadata=metadata,
            wanted=[(s, a) for s, a in last_of_each(actions) if isinstance(a, Encode)],
        )
        consumer.pause(consumer.assignment())
        log.info("items in hand", records=len(sources), to_encode=len(self._held.wanted))

    def _metadata(self, consumer: Consumer) -> object:
        return consumer.consumer_group_metadata()

    def _source(self, consumer: Consumer, message: Message) -> Source | None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        error = message.error()
        if error is None and topic is not None and partition is not None and offset is not None:
            headers = cast(Headers, list(message.headers() or []))
            return Source(topic, partition, offset, message.key(), message.value(), headers)
        if error is not None and topic is not None and partition is not None:
            if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                self.stopped_partitions[topic, partition] = f"{error.str()}; {ACCEPT_LOSS}"
                consumer.pause([TopicPartition(topic, partition)])
            log.error("items cannot be read", partition=partition, error=error.str())
        return None

    def _go_on(self, held: Held) -> None:
        """Begin encoding, or look whether it has ended; back off while the encoder is away."""
        if not held.wanted:
            held.outcomes = []
            return
        now = time.monotonic()
        if held.encoding is None:
            if now >= max(held.retry_at, self._next_batch):
                items = [action.item for _, action in held.wanted]
                held.encoding = Background(lambda: self._encode(items))
                rate = self._settings.space.index_items_per_s
                self._next_batch = now + len(items) / rate if rate > 0 else 0.0
            return
        if not held.encoding.done():
            return
        try:
            held.outcomes = held.encoding.result()
        except (UnavailableError, NotFoundError) as error:
            if self.problem is None:
                log.warning(
                    "items cannot be encoded now; they wait", items=len(held.wanted), error=str(error)
                )
            self.problem = str(error)
            held.encoding, held.retry_at = None, now + self._backoff.pause()
            return
        self.problem = None
        self._backoff.reset()

    # the transaction ---------------------------------------------------------------------------------

    def _commit(self, consumer: Consumer, held: Held) -> None:
        self._removals.encoded(a.item.item_id for _, a in held.wanted)
        try:
            self._output.write(held)
        except TransactionAbortedError as error:
            log.warning("transaction aborted; the batch is read again", error=str(error))
            self._rewind(consumer, held.begins)
        else:
            self._removals.committed.update(held.ends)
            for partition, (first_ms, last_ms) in held.appended.items():
                self._removals.taken(partition, held.begins[partition], first_ms, last_ms)
        self._release(consumer)

    def _remove_unread(self, consumer: Consumer) -> None:
        """Vectors go whose films were removed so long ago that their tombstones are gone, too."""
        removed = self._removals.found()
        if not removed:
            return
        offsets = [TopicPartition(self._items, p, self._removals.committed[p]) for p in removed]
        try:
            self._output.remove(removed, offsets, self._metadata(consumer))
        except TransactionAbortedError as error:
            log.warning("removed films keep their vectors for now", error=str(error))
            self._removals.assigned(offsets)
        else:
            log.info("films removed whose tombstones are gone", items=sum(map(len, removed.values())))

    def _append_heartbeats(self, consumer: Consumer) -> None:
        try:
            self._output.append_heartbeats([p.partition for p in consumer.assignment()])
        except TransactionAbortedError as error:
            log.warning("heartbeats were not appended", error=str(error))

    def _note_positions(self, consumer: Consumer) -> None:
        """Where reading stands; what is in hand is not taken yet."""
        if time.monotonic() < self._next_note:
            return
        self._next_note = time.monotonic() + 0.2
        held = self._held.begins if self._held is not None else {}
        for place in consumer.position(consumer.assignment()):
            # negative until the first record since the assignment: then the start noted there holds
            if (offset := held.get(place.partition, place.offset)) >= 0:
                self._positions[self._items, place.partition] = offset

    # assignment --------------------------------------------------------------------------------------

    def _release(self, consumer: Consumer) -> None:
        """No batch is in hand: read on."""
        self._held = None
        self.problem = None
        running = [p for p in consumer.assignment() if (p.topic, p.partition) not in self.stopped_partitions]
        consumer.resume(running)

    def _rewind(self, consumer: Consumer, begins: dict[int, int]) -> None:
        """Back to where the batch began, which is what is committed; it alone had been read further.

        What was revoked and assigned again while the batch came in, in one poll even, is read from where the
        new assignment began: another may have committed meanwhile.
        """
        owned = {p.partition for p in consumer.assignment()} - (self._gone - self._begun.keys())
        for partition, begin in begins.items():
            if partition in owned:
                start = self._begun.get(partition, begin)
                consumer.seek(TopicPartition(self._items, partition, start))

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        wanted = [(p.topic, p.partition) for p in places]
        while True:
            try:
                starts = explicit_starts(self._admin, self._group, wanted, self._accept_loss)
                break
            except KafkaUnavailableError as error:
                # without offsets nothing can be read; polling late only costs the membership
                log.warning("no start offsets", error=str(error))
                if self._stopped.wait(1.0):
                    return
        for place, reason in starts.stopped.items():
            log.error("partition is not read", topic=place[0], partition=place[1], reason=reason)
        self.stopped_partitions.update(starts.stopped)
        self._member = consumer.memberid() or ""
        if starts.begin:
            consumer.incremental_assign(starts.begin)
            self._positions.update({(p.topic, p.partition): p.offset for p in starts.begin})
            self._begun.update({p.partition: p.offset for p in starts.begin})
            self._removals.assigned(starts.begin)
            if self._held is not None:
                consumer.pause(starts.begin)
        for _, partition in wanted:
            self._state.own_items(partition)
            self._reconciler.check_soon("items", partition)

    def _revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        gone = {p.partition for p in places}
        self._gone |= gone
        for partition in gone:
            self._begun.pop(partition, None)
        self._removals.revoked(gone)
        held = self._held
        if held is not None and gone & held.begins.keys():
            log.info("batch dropped: its partitions go to another", items=len(held.wanted))
            self._rewind(consumer, held.begins)
            self._release(consumer)
        for partition in gone:
            self._reconciler.forget("items", partition)
            self._state.disown("items", partition)
            self._positions.pop((self._items, partition), None)
            self.stopped_partitions.pop((self._items, partition), None)
        assigned = {p.partition for p in consumer.assignment()}
        consumer.incremental_unassign([p for p in places if p.partition in assigned])

    def status(self) -> dict[str, Any]:
        """What an operator wants to know."""
        return {
            "partitions": sorted(self._state.item_parts),
            "holding": self.holding,
            "problem": self.problem,
            "stopped": {f"{t}-{p}": reason for (t, p), reason in self.stopped_partitions.items()},
        }
