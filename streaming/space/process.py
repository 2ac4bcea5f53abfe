"""A space worker as a process: indexer, projector, writer and reconciler over one item matrix."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

from confluent_kafka.admin import AdminClient

from streaming.control.documents import LIVE_STATES, SpaceDocument
from streaming.control.presence import Presence
from streaming.control.reader import ControlReader, read_control
from streaming.control.state import ControlState
from streaming.exceptions import MarqueeError, NotFoundError, UnavailableError
from streaming.internal import InternalServer
from streaming.kafka.config import admin_options
from streaming.kafka.offsets import Place
from streaming.kafka.owners import client_id
from streaming.ledger.instance import StateDirectory
from streaming.milvus.client import MilvusStore
from streaming.observability import configure_logging, get_logger
from streaming.settings import Settings
from streaming.space.backoff import Backoff
from streaming.space.courtesy import GiveWay
from streaming.space.encoding import ItemEncoding
from streaming.space.generations import Generations
from streaming.space.indexer import Indexer
from streaming.space.lag import Lag
from streaming.space.projector import Projector
from streaming.space.reconciler import Reconciler
from streaming.space.routes import Endpoint
from streaming.space.state import SpaceState
from streaming.space.writer import Writer
from streaming.topics import TopicNames, fixed_topics, space_topics
from streaming.topics.admin import ensure, require

log = get_logger(__name__)
LEAVE_S = 2.0
"""For leaving the groups and ending the write under way, together."""


class SpaceWorker:
    """One worker of one space."""

    def __init__(self, settings: Settings, space_id: str, instance: str, accept_loss: bool = False) -> None:
        self._settings, self._space_id, self._instance = settings, space_id, instance
        self._accept_loss = accept_loss
        self._stopped = threading.Event()
        self._directory = StateDirectory(settings.home, f"space-{space_id}-{instance}")
        self._control = ControlReader(settings, self._control_changed)
        self._retired = False

    def stop(self) -> None:
        """Ask :meth:`run` to end."""
        self._stopped.set()

    def run(self) -> None:
        """Work until :meth:`stop`, or until the space is no longer live.

        Raises:
            NotFoundError: control.v1 knows no such space.
            MarqueeError: what cannot be mended by waiting; the supervisor starts the process again.
        """
        try:
            self._until_answered(lambda: require(self._settings, fixed_topics(self._settings)))
            self._until_answered(self._control.start)
            space = self._control.state.spaces.get(self._space_id)
            if space is None:
                raise NotFoundError(f"control.v1 knows no space {self._space_id}")
            if space.state not in LIVE_STATES:
                log.info("the space is not live", state=space.state)
                return
            topics = space_topics(self._settings, self._space_id)
            self._until_answered(lambda: ensure(self._settings, topics))
            if not self._stopped.is_set():
                self._work(space)
        except UnavailableError:
            if not self._stopped.is_set():
                raise
        finally:
            self._control.stop()
            self._directory.release()

    def _work(self, space: SpaceDocument) -> None:
        settings, instance = self._settings, self._instance
        state = SpaceState(space, instance, settings.session.session_timeout_ms / 1000)
        milvus = MilvusStore(settings)
        reconciler = Reconciler(state, milvus, settings.space.reconcile_interval_s)
        endpoint = Endpoint(settings, state, reconciler, instance)
        server = InternalServer(settings, endpoint.routes())
        address = server.start()
        name = client_id("space", address, instance)
        names, positions = TopicNames(settings.namespace), dict[Place, int]()
        give_way = GiveWay(settings, space.space, lambda: self._control.state)
        encoding = ItemEncoding(settings, space, give_way.wait)
        writer = Writer(state, milvus, settings.space.write_batch, reconciler.start_over, self._wanted)
        reconciler.writer = writer
        projector = Projector(settings, state, reconciler, name, positions)
        transactional_id = f"{names.indexer_group(space.space)}.{instance}"
        indexer = Indexer(
            settings,
            state,
            reconciler,
            encoding.encode,
            name,
            transactional_id,
            positions,
            accept_loss=self._accept_loss,
        )
        lag = Lag(AdminClient(admin_options(settings, name)), positions)
        endpoint.projector, endpoint.indexer, endpoint.writer, endpoint.lag = projector, indexer, writer, lag
        presence = Presence(
            settings,
            f"space:{space.space}",
            instance,
            address,
            lambda: self._control.state.revision,
            busy=lambda: indexer.working,
        )
        presence.start()
        threads = (give_way, writer, reconciler, projector, indexer)
        for thread in threads:
            thread.start()
        log.info("space worker started", space=space.space, address=address)
        try:
            self._watch(projector, indexer, Generations(state, milvus, writer, reconciler))
        finally:
            # leave the groups first: others take over while the rest ends
            for reader in (indexer, projector):
                reader.stop()
            writer.stop()
            reconciler.stop()
            give_way.stop()
            until = time.monotonic() + LEAVE_S
            for thread in (indexer, projector, writer):
                thread.join(max(0.0, until - time.monotonic()))
            presence.stop()
            server.stop()
            log.info("space worker ended", space=space.space)

    def _watch(self, projector: Projector, indexer: Indexer, generations: Generations) -> None:
        while not self._stopped.wait(0.1):
            for thread in (projector, indexer):
                if thread.failure is not None:
                    raise MarqueeError(f"the {thread.name} has failed: {thread.failure}") from thread.failure
            if self._retired:
                log.info("the space is no longer live")
                return
            generations.follow(self._control.state.spaces[self._space_id])

    def _control_changed(self, state: ControlState) -> None:
        space = state.spaces.get(self._space_id)
        self._retired = space is None or space.state not in LIVE_STATES

    def _wanted(self) -> bool:
        """Whether the space is live, by what Kafka holds now and not by what this process last heard."""
        space = read_control(self._settings).spaces.get(self._space_id)
        return space is not None and space.state in LIVE_STATES

    def _until_answered(self, call: Callable[[], object]) -> None:
        backoff = Backoff(0.2, 5.0)
        while not self._stopped.is_set():
            try:
                call()
            except UnavailableError as error:
                log.warning("not yet", error=str(error))
                self._stopped.wait(backoff.pause())
            else:
                return


def run_space(settings: Settings, space_id: str, instance: str = "0", accept_loss: bool = False) -> None:
    """Run one worker of a space in the foreground until SIGTERM or SIGINT, or until the space is retired.

    Raises:
        MarqueeError: what cannot be mended by waiting; the supervisor starts the process again.
    """
    configure_logging(settings, f"space-{space_id}-{instance}")
    worker = SpaceWorker(settings, space_id, instance, accept_loss)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _signal, _frame: worker.stop())
    worker.run()
