"""The ledger as a process: consume, fold, commit, hold; and take partitions over and hand them over."""

from __future__ import annotations

import gc
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streaming.control.presence import Presence
from streaming.control.reader import ControlReader
from streaming.exceptions import UnavailableError
from streaming.internal.server import InternalServer
from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.config import consumer_options
from streaming.kafka.exceptions import TransactionAbortedError
from streaming.kafka.loader import Loader
from streaming.kafka.owners import client_id
from streaming.kafka.seeking import read_from
from streaming.kafka.transactions import TransactionalProducer
from streaming.ledger import metrics
from streaming.ledger.batches import Batch, CountRecords
from streaming.ledger.erasure import Eraser
from streaming.ledger.exceptions import StoreError
from streaming.ledger.fold import Changes, Fold
from streaming.ledger.identity import ledger_identity
from streaming.ledger.instance import StateDirectory
from streaming.ledger.lag import Lag
from streaming.ledger.owned import OwnedPartition, Phase
from streaming.ledger.routes import status_of, user_route
from streaming.ledger.schedule import Pace
from streaming.ledger.takeover import Takeover
from streaming.ledger.thresholds import live_thresholds
from streaming.ledger.upkeep import Upkeep
from streaming.observability import configure_logging, get_logger
from streaming.observability.metrics import render
from streaming.settings import Settings
from streaming.topics import TopicNames, fixed_topics
from streaming.topics.admin import require

log = get_logger("ledger")

IDLE_S = 0.1
CATCH_UP_RECORDS = 2_000
"""A batch that filled to so many records within its wait is a catch-up."""
CATCH_UP_WAITS_S = ((20_000, 1.0), (CATCH_UP_RECORDS, 0.3))
"""How long the next batch may wait to fill: the fuller, the fewer documents are written twice."""
STOP_FLUSH_S = 2.0


class Ledger:
    """One ledger. Everything but the internal endpoint happens on the thread that calls :meth:`run`."""

    def __init__(self, settings: Settings, instance: str, accept_loss: bool = False) -> None:
        self.settings, self.instance = settings, instance
        self.names = TopicNames(settings.namespace)
        self.stopping = threading.Event()
        self.owned: dict[int, OwnedPartition] = {}
        self._retired: list[OwnedPartition] = []
        self._accept_loss = accept_loss
        self._count = settings.topics.ratings_partitions
        self._eraser = Eraser(settings)
        self._fold = Fold(self.names.ratings, self.names.dlq(self.names.ratings), self._count, self._eraser)
        self._state = StateDirectory(settings.home, f"ledger-{instance}")
        self._control = ControlReader(settings)
        self._lag = Lag(settings.topics.retention_ms)
        self._gone: set[int] = set()
        self._rewind: set[int] = set()
        self._member = ""
        self._last_batch = 0
        self._housekeeping_pace = Pace(1.0)
        self._server = InternalServer(
            settings,
            {
                ("GET", "/users"): user_route(lambda: self.owned, self._count),
                ("GET", "/status"): lambda _tail, _query, _body: (200, self.status()),
                ("GET", "/metrics"): lambda _tail, _query, _body: (200, render()),
            },
        )

    def run(self) -> None:
        """Work until :meth:`stop`.

        Raises:
            FencedError: another process took this instance's transactional id, or Kafka gave it up.
            ConfigurationError: topics are not what they must be.
        """
        address = self._server.start()
        try:
            self._connect(address)
            if not self.stopping.is_set():
                self._work()
        finally:
            self._close()

    def stop(self) -> None:
        """Ask :meth:`run` to end: the batch in hand is finished, partitions are handed over."""
        self.stopping.set()

    def status(self) -> dict[str, Any]:
        """For people and for the gateway; safe from any thread."""
        return {
            "role": "ledger",
            "instance": self.instance,
            "partitions": {
                str(number): status_of(owned, *self._lag.of(number))
                for number, owned in dict(self.owned).items()
            },
            "thresholds": list(self._fold.thresholds),
        }

    # -- starting and ending ------------------------------------------------------------------------------

    def _connect(self, address: str) -> None:
        settings, name = self.settings, client_id("ledger", address, self.instance)
        self._until_answered(lambda: require(settings, fixed_topics(settings)))
        self._until_answered(self._control.start)
        self._fold.thresholds = live_thresholds(self._control.state)
        self._admin = OffsetAdmin(settings, name)
        self._loader = Loader(settings, name)
        self._takeover = Takeover(settings, self._admin, self._loader, self._eraser, self._accept_loss)
        self._upkeep = Upkeep(settings, self.owned, self._state.path, self._admin)
        self._producer = TransactionalProducer(
            settings, f"{settings.namespace}.ledger.{self.instance}", name, self.stopping.is_set
        )
        self._until_answered(self._producer.start)
        self._identity = self._until_answered(lambda: ledger_identity(settings, name))
        self._presence = Presence(
            settings,
            "ledger",
            self.instance,
            address,
            lambda: self._control.state.revision,
            # a copy: partitions come and go on another thread
            lambda: tuple(sorted(self.owned.copy())),
        )
        self._presence.start()
        options = consumer_options(settings, self.names.ledger_group, name)
        options |= {"queued.min.messages": 200_000, "queued.max.messages.kbytes": 262_144}
        self._consumer = Consumer(options)
        self._consumer.subscribe(
            [self.names.ratings],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )
        log.info("ledger started", address=address, state=str(self._state.path))

    def _until_answered(self, call: Callable[[], Any]) -> Any:
        pause = 0.2
        while True:
            try:
                return call()
            except UnavailableError as error:
                if self.stopping.is_set():
                    raise
                log.warning("Kafka does not answer", error=str(error))
            self.stopping.wait(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(2 * pause, 5.0)

    def _close(self) -> None:
        if hasattr(self, "_consumer"):
            # leave first: others take over while the local stores are written
            self._consumer.close()
            until = time.monotonic() + STOP_FLUSH_S
            for owned in [*self._retired, *self.owned.values()]:
                if time.monotonic() < until:
                    owned.flush(_now_ms())
                owned.close()
            self._presence.stop()
            self._loader.close()
            self._admin.close()
        self._control.stop()
        self._server.stop()
        self._state.release()
        log.info("ledger ended")

    # -- group membership: these run on the folding thread, inside consume --------------------------------

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        numbers = [place.partition for place in places]
        # where to begin is known only once the committed offsets are stable; until then nothing is fetched
        consumer.incremental_assign([TopicPartition(self.names.ratings, n, 0) for n in numbers])
        consumer.pause([TopicPartition(self.names.ratings, n) for n in numbers])
        self._member = consumer.memberid() or ""
        for number in numbers:
            self._gone.discard(number)
            path = self._state.path / f"users-{number}.sqlite"
            owned = OwnedPartition(number, path, self._identity(number), self._fold.thresholds)
            self.owned[number] = owned
            self._takeover.begin(owned)

    def _on_revoke(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._release([place.partition for place in places])
        consumer.incremental_unassign(places)

    def _on_lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        log.warning("partitions lost", partitions=[place.partition for place in places])
        self._release([place.partition for place in places])
        consumer.incremental_unassign(places)

    def _release(self, numbers: Sequence[int]) -> None:
        self._gone.update(numbers)
        self._takeover.cancel(numbers)
        for number in numbers:
            self._fold.drop(number)
            self._lag.forget(number)
            owned = self.owned.pop(number, None)
            if owned is not None:
                self._retired.append(owned)

    # -- the loop -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self.stopping.is_set():
            messages, metadata = self._consume()
            self._settle_retired()
            self._takeover.advance(self.owned, self._ready)
            if self._rewind:
                self._begin_again(self._rewind)
            try:
                self._transact(messages, metadata)
            except TransactionAbortedError as error:
                metrics.ABORTS.inc()
                log.warning("transaction aborted", reason=str(error))
                self.stopping.wait(0.1 * random.random())  # noqa: S311
            self._housekeep()

    def _consume(self) -> tuple[list[Message], object]:
        """A batch, and the group metadata that serves it and no other."""
        ledger = self.settings.ledger
        self._gone.clear()
        idle = 0.005 if self._takeover.busy else IDLE_S
        first = self._consumer.poll(idle)
        if first is None:
            return [], None
        waits = (wait for records, wait in CATCH_UP_WAITS_S if self._last_batch >= records)
        wait = next(waits, ledger.batch_wait_s)
        messages = [first]
        if ledger.batch > 1:
            messages += self._consumer.consume(min(ledger.batch - 1, 1_000_000), wait)
        metadata = self._metadata()
        good = [message for message in messages if message.error() is None]
        if len(good) < len(messages):
            for message in messages:
                if message.error() is not None:
                    self._consume_error(message)
        if self._gone or self._consumer.memberid() != self._member:
            # a rebalance ran while the batch was in hand: what was revoked is dropped whole
            hit = {message.partition() for message in good}
            if hit & self._gone or self._consumer.memberid() != self._member:
                self._rewind.update(n for n in hit if n in self.owned)
                good = []
        self._last_batch = len(good)
        return good, metadata

    def _metadata(self) -> object:
        return self._consumer.consumer_group_metadata()

    def _commit_metadata(self, metadata: object) -> object:
        """What a commit is made under: the metadata of its batch, never newer (DESIGN section 3)."""
        return metadata

    def _consume_error(self, message: Message) -> None:
        error = message.error()
        assert error is not None
        number = message.partition()
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            owned = self.owned.get(-1 if number is None else number)
            if owned is not None and owned.phase is Phase.READY:
                # asked again: the answer says whether records are lost, and stops the partition if so
                self._rewind.add(owned.number)
        else:
            log.warning("consumer", error=error.str())

    def _ready(self, owned: OwnedPartition) -> None:
        """Documents are at their end: fold from the committed offset."""
        try:
            read_from(self._consumer, TopicPartition(self.names.ratings, owned.number, owned.start))
        except KafkaException as error:
            log.info("seek refused, take-over begins again", partition=owned.number, error=str(error))
            self._takeover.begin(owned)
            return
        owned.position = owned.start
        self._fold.add(owned.number, owned.lookup, owned.erased)

    def _begin_again(self, numbers: set[int]) -> None:
        """After an abort: forget what is not committed, read on from the committed offsets."""
        for number in sorted(numbers):
            owned = self.owned.get(number)
            if owned is None or owned.phase is not Phase.READY:
                continue
            self._consumer.pause([TopicPartition(self.names.ratings, number)])
            self._fold.drop(number)
            self._takeover.begin(owned)
        self._rewind = set()

    def _transact(self, messages: Sequence[Message], metadata: object) -> None:
        began = time.perf_counter()
        idle = len(messages) < CATCH_UP_RECORDS
        counts = self._upkeep.counts(idle)
        heartbeats = self._upkeep.heartbeats() if not messages else []
        if not messages and not counts and not heartbeats:
            return
        held = self._fold.states
        records = messages
        if len(held) < len(self.owned):
            records = [m for m in messages if m.partition() in held]
        changes = Changes()
        try:
            changes = self._fold.fold(records)
        except StoreError:
            # the batch is dropped whole, so every partition is read again from what is committed
            self._upkeep.rebuild_broken()
            self._upkeep.give_back(counts)
            self._rewind.update(self.owned)
            return
        batch = Batch(self.names, self._producer, self._eraser)
        try:
            self._producer.begin()
            batch.write(changes, counts, heartbeats)
            batch.commit(changes, self._commit_metadata(metadata))
        except TransactionAbortedError:
            self._aborted(changes, counts)
            raise
        batch.apply(changes, self._fold.thresholds, self.owned)
        self._fold.trim(self.settings.ledger.cache_documents)
        self._measure(changes, time.perf_counter() - began)
        self._lag.saw(changes)

    def _aborted(self, changes: Changes, counts: dict[int, CountRecords]) -> None:
        """Nothing of the batch counts; whether it was committed after all is read from Kafka."""
        self._fold.forget(changes)
        self._upkeep.give_back(counts)
        self._rewind.update(self.owned)

    def _measure(self, changes: Changes, seconds: float) -> None:
        metrics.EVENTS.inc(changes.events)
        metrics.BATCHES.inc()
        metrics.TRANSACTION_S.observe(seconds)
        metrics.DOCUMENTS.inc(sum(len(part.documents) for part in changes.partitions.values()))
        metrics.DEAD.inc(len(changes.dead))
        metrics.FORWARDS.inc(len(changes.forwards))

    # -- what happens between batches ---------------------------------------------------------------------

    def _settle_retired(self) -> None:
        for owned in self._retired:
            owned.flush(_now_ms())
            owned.close()
        self._retired.clear()

    def _housekeep(self) -> None:
        self._upkeep.write_stores(idle=self._last_batch < CATCH_UP_RECORDS)
        if not self._housekeeping_pace.due():
            return
        with self._housekeeping_pace:
            self._lag.measure(self._consumer, self.names.ratings, self.owned)
            wanted = live_thresholds(self._control.state)
            if wanted != self._fold.thresholds:
                self._fold.thresholds = wanted
                self._rewind.update(self._upkeep.recount(wanted))
            self._upkeep.refresh_stores()
            self._upkeep.mind_memory(self._consumer)


def _now_ms() -> int:
    return int(time.time() * 1000)


def run_ledger(settings: Settings, instance: str = "0", accept_loss: bool = False) -> None:
    """Run one ledger in the foreground until SIGTERM or SIGINT.

    Raises:
        MarqueeError: what cannot be mended by waiting; the supervisor starts the process again.
    """
    configure_logging(settings, f"ledger-{instance}")
    # documents are dictionaries of bytes, which cannot form cycles: looking for some often is wasted time
    gc.freeze()
    gc.set_threshold(500_000, 50, 100)
    ledger = Ledger(settings, instance, accept_loss)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _signal, _frame: ledger.stop())
    ledger.run()
