"""The thread that follows item vectors and user documents into the shared state."""

from __future__ import annotations

import threading
import time
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from streaming.documents import HEARTBEAT_KEY, decode_user, decode_vector
from streaming.kafka import seeking
from streaming.kafka.config import admin_options, consumer_options
from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.kafka.loader import Loader
from streaming.kafka.offsets import EARLIEST, LATEST, OffsetQuery, Place
from streaming.observability.logging import get_logger
from streaming.settings import Settings
from streaming.space import metrics
from streaming.space.backoff import Backoff
from streaming.space.reconciler import Reconciler
from streaming.space.state import SpaceState, VectorRecord
from streaming.topics import TopicNames

log = get_logger(__name__)
RECORDS = 2_000
"""Most records between two polls: a poll must come well within half a session."""
WAIT_S = 0.02


class Ends:
    """Begins and ends of partitions, asked for without waiting, until Kafka has answered."""

    def __init__(self, admin: AdminClient, places: list[Place]) -> None:
        self._admin, self.places = admin, places
        self._ask()

    def _ask(self) -> None:
        self._ends = OffsetQuery(self._admin, self.places, LATEST)
        self._begins = OffsetQuery(self._admin, self.places, EARLIEST)

    def get(self) -> dict[Place, tuple[int, int]] | None:
        """(begin, end) of each place, or None while the answer is on its way."""
        if not (self._ends.done() and self._begins.done()):
            return None
        try:
            begins, ends = self._begins.result(), self._ends.result()
        except KafkaUnavailableError:
            self._ask()
            return None
        return {place: (begins[place], ends[place]) for place in self.places}


class Projector(threading.Thread):
    """Loads vectors to their end, then the documents of its partitions to theirs, then follows both.

    It keeps no offsets: what it holds in memory is what it has read since it started.
    """

    def __init__(
        self,
        settings: Settings,
        state: SpaceState,
        reconciler: Reconciler,
        client_id: str,
        positions: dict[Place, int],
    ) -> None:
        super().__init__(name="projector", daemon=True)
        self._state, self._reconciler = state, reconciler
        names = TopicNames(settings.namespace)
        space = state.space.space
        self._users_topic, self._vectors_topic = names.users, names.vectors(space)
        self._vector_places: list[Place] = [
            (self._vectors_topic, p) for p in range(settings.topics.items_partitions)
        ]
        self._settings, self._client_id = settings, client_id
        self._admin = AdminClient(admin_options(settings, client_id))
        self._group = names.projector_group(space)
        self._stopped = threading.Event()
        self._loading: list[Ends] = []
        self._left: dict[Place, tuple[int, int]] = {}
        self.failure: Exception | None = None
        """What ended the thread, if nobody asked it to."""
        self._positions = positions
        self._next_note = 0.0

    def stop(self) -> None:
        """Leave the group and end."""
        self._stopped.set()

    def run(self) -> None:
        """The thread's loop."""
        vectors = Loader(self._settings, self._client_id)
        options = consumer_options(self._settings, self._group, self._client_id)
        consumer: Consumer | None = None
        try:
            self._load_vectors(vectors)
            if self._stopped.is_set():
                return
            consumer = Consumer(options)
            consumer.subscribe(
                [self._users_topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )
            backoff = Backoff()
            while not self._stopped.is_set():
                try:
                    self._follow(consumer, vectors)
                    backoff.reset()
                except KafkaException as error:
                    log.warning("Kafka cannot be read", error=str(error))
                    self._stopped.wait(backoff.pause())
        except Exception as error:
            log.exception("the projector has failed")
            self.failure = error
        finally:
            if consumer is not None:
                consumer.close()
            vectors.close()

    # vectors -----------------------------------------------------------------------------------------

    def _load_vectors(self, vectors: Loader) -> None:
        for place in self._vector_places:
            vectors.add(place)
        ends = Ends(self._admin, self._vector_places)
        left: dict[Place, tuple[int, int]] | None = None
        while not self._stopped.is_set():
            self._take_vectors(vectors.poll(RECORDS, WAIT_S))
            vectors.check()
            if left is None:
                left = ends.get()
                if left is not None:
                    self._positions.update({p: begin for p, (begin, _) in left.items()})
            if left is not None:
                left = {p: be for p, be in left.items() if not vectors.reached(p, *be)}
            if self.vectors_complete(left):
                break
        self._state.vectors_loaded = True
        log.info("vectors loaded", items=self._state.matrix.count)

    def vectors_complete(self, left: dict[Place, tuple[int, int]] | None) -> bool:
        """Whether all vectors up to the ends taken at start are here; ``left`` are those that are not."""
        return left is not None and not left

    def _take_vectors(self, messages: list[Message]) -> None:
        records: list[VectorRecord] = []
        for message in messages:
            key, partition, offset = message.key(), message.partition(), message.offset()
            if key is None or key == HEARTBEAT_KEY or partition is None or offset is None:
                continue
            value = message.value()
            try:
                document = None if value is None else decode_vector(value)
                records.append((key.decode(), partition, offset, document))
            except ValueError as error:
                self._pass_over(self._vectors_topic, partition, offset, str(error))
        for (_, partition, offset, _), reason in self._state.put_vectors(records):
            self._pass_over(self._vectors_topic, partition, offset, reason)

    def _pass_over(self, topic: str, partition: int, offset: int, reason: str) -> None:
        metrics.records_skipped.labels(topic).inc()
        log.error("record passed over", topic=topic, partition=partition, offset=offset, error=reason)

    # documents ---------------------------------------------------------------------------------------

    def _follow(self, consumer: Consumer, vectors: Loader) -> None:
        first = consumer.poll(WAIT_S)
        self._state.polled("users")
        if first is not None:
            for message in (first, *consumer.consume(RECORDS, 0)):
                self._take_document(consumer, message)
        self._take_vectors(vectors.poll(RECORDS))
        # what is held came from a log that is no more: the process ends, and loads anew
        vectors.check()
        self._finish_loading(consumer)
        self._note_positions(consumer, vectors)

    def _take_document(self, consumer: Consumer, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        if (error := message.error()) is not None:
            log.warning("users cannot be read", partition=partition, error=error.str())
            out_of_range = error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)
            if out_of_range and partition in self._state.users:
                # the log begins later now, or is another
                self._begin_again(consumer, TopicPartition(self._users_topic, partition, OFFSET_BEGINNING))
            return
        key, value = message.key(), message.value()
        if key is None or key == HEARTBEAT_KEY or partition is None or offset is None:
            return
        try:
            ratings = None if value is None else decode_user(value)
            self._state.put_user(partition, key.decode(), offset, ratings)
        except ValueError as problem:
            self._pass_over(self._users_topic, partition, offset, str(problem))

    def _finish_loading(self, consumer: Consumer) -> None:
        for ends in list(self._loading):
            if (found := ends.get()) is not None:
                self._loading.remove(ends)
                self._left.update({p: be for p, be in found.items() if p[1] in self._state.users})
        loaded: list[int] = []
        for place, (begin, end) in list(self._left.items()):
            position = consumer.position([TopicPartition(*place)])[0].offset
            if max(begin, position) >= end:
                del self._left[place]
                self._positions[place] = max(begin, position)
                self._state.users_loaded(place[1])
                self._reconciler.check_soon("users", place[1])
                loaded.append(place[1])
        if loaded:
            log.info("documents loaded", partitions=sorted(loaded), loading=len(self._left))

    def _note_positions(self, consumer: Consumer, vectors: Loader) -> None:
        if time.monotonic() < self._next_note:
            return
        self._next_note = time.monotonic() + 0.2
        for place in consumer.position(consumer.assignment()):
            self._note(self._users_topic, place.partition, place.offset)
        for topic, partition in self._vector_places:
            self._note(topic, partition, vectors.position((topic, partition)))

    def _note(self, topic: str, partition: int, offset: int) -> None:
        # negative until the first record: an empty partition stands at its beginning
        if offset >= 0:
            self._positions[topic, partition] = offset

    # assignment --------------------------------------------------------------------------------------

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        consumer.incremental_assign([TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in places])
        self._expect([p.partition for p in places])

    def _expect(self, partitions: list[int]) -> None:
        for partition in partitions:
            self._state.own_users(partition)
        if partitions:
            self._loading.append(Ends(self._admin, [(self._users_topic, p) for p in partitions]))

    def _begin_again(self, consumer: Consumer, place: TopicPartition) -> None:
        seeking.assign_anew(consumer, place)
        self._left.pop((place.topic, place.partition), None)
        self._expect([place.partition])

    def _revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        for place in places:
            lost = (self._users_topic, place.partition)
            self._left.pop(lost, None)
            for ends in self._loading:
                ends.places = [p for p in ends.places if p != lost]
            self._reconciler.forget("users", place.partition)
            self._state.disown("users", place.partition)
            self._positions.pop(lost, None)
        consumer.incremental_unassign(places)

    def status(self) -> dict[str, Any]:
        """Owned partitions of ``users.v1``: whether loaded, and how many users."""
        with self._state.lock:
            return {str(p): {"loaded": u.loaded, "users": len(u)} for p, u in self._state.users.items()}
