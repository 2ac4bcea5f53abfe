"""What one gateway process holds: followers, catalogues, clients. Made after a fork, closed at the end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec
from confluent_kafka import Message

from streaming.blobs import BlobStore
from streaming.control.documents import SpaceDocument
from streaming.control.reader import ControlReader
from streaming.control.state import ControlState
from streaming.documents import decode_counts, decode_vector
from streaming.documents.vector import VectorDocument
from streaming.gateway.acknowledged import AcknowledgedMemory
from streaming.gateway.adoption import Adoption
from streaming.gateway.catalogue import Catalogue, MatrixBudget
from streaming.gateway.follow import TopicFollower
from streaming.gateway.items import ItemIndex, ItemReader
from streaming.gateway.lag import LagWatch
from streaming.gateway.owners import LedgerOwners
from streaming.gateway.popular import PopularCounts
from streaming.gateway.producer import AckProducer
from streaming.gateway.rerank_files import Vouch
from streaming.gateway.rerank_loading import RerankerSlot
from streaming.internal import OwnerClient
from streaming.milvus.client import MilvusStore
from streaming.observability.logging import get_logger
from streaming.settings import Settings
from streaming.topics import TopicNames

LOOKUP_THREADS = 16
_log = get_logger("gateway.state")


@dataclass(frozen=True)
class SpaceView:
    """A live space with its films, and whether all of them have been read."""

    catalogue: Catalogue
    follower: TopicFollower
    reranker: RerankerSlot

    @property
    def loaded(self) -> bool:
        """Whether everything that was there when the gateway began to read has been read."""
        return self.follower.caught_up.is_set()


class GatewayState:
    """Everything that routes share. ``settings``, ``instance`` and ``vouch`` are the process's."""

    def __init__(self, settings: Settings, instance: str, vouch: Vouch) -> None:
        self.settings, self._vouch = settings, vouch
        self.names = TopicNames(settings.namespace)
        self.store = MilvusStore(settings)
        self.blobs = BlobStore(settings)
        self.producer = AckProducer(settings, f"marquee-gateway-{instance}")
        self.acknowledged = AcknowledgedMemory(settings.gateway.acknowledged_memory_s)
        self.popular = PopularCounts(settings.gateway.half_life_days)
        self.items = ItemIndex(settings.topics.items_partitions)
        self.item_reader = ItemReader(settings, self.items)
        self.pool = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="lookup")
        # what waits for a ledger, a record or a health check must not hold lookups up
        self.slow_pool = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="slow")
        # decoding a poster takes up to 100 MB: two at a time
        self.poster_pool = ThreadPoolExecutor(2, thread_name_prefix="poster")
        self.lag = LagWatch(settings)
        self.owners = LedgerOwners()
        self.ledgers = OwnerClient(settings, self.owners.address)
        self._budget = MatrixBudget(settings.gateway.matrix_mb)
        self._views: dict[str, SpaceView] = {}
        self._views_lock = threading.Lock()
        self.control = ControlReader(settings, self._on_control)
        self.adoption = Adoption(lambda: self.control.state, self._loaded)
        topics = settings.topics
        self.popular_follower = TopicFollower(
            settings, self.names.popular, topics.ratings_partitions, self._take_popular, self.popular.clear
        )
        self.presence_follower = TopicFollower(
            settings, self.names.presence, 1, self._take_presence, self.owners.clear
        )
        self.items_follower = TopicFollower(
            settings, self.names.items, topics.items_partitions, self.items.take, self.items.clear
        )

    def start(self) -> None:
        """Read control to its end, then start every follower; they load in the background.

        Raises:
            UnavailableError: if Kafka does not answer.
        """
        self.control.start()
        self.popular_follower.start()
        self.items_follower.start()
        self.presence_follower.start()
        self.lag.start()

    def stop(self) -> None:
        """Let everything go; what is in flight to Kafka is flushed first."""
        left = self.producer.close()
        if left:
            _log.warning("records not sent at the end", records=left)
        self.lag.stop()
        self.control.stop()
        with self._views_lock:
            views, self._views = list(self._views.values()), {}
        for view in views:
            view.reranker.stop()
        followers = [view.follower for view in views]
        followers += [self.popular_follower, self.items_follower, self.presence_follower]
        for follower in followers:
            follower.stop(wait_s=0)
        for follower in followers:
            follower.stop(wait_s=0.3)
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.slow_pool.shutdown(wait=False, cancel_futures=True)
        self.poster_pool.shutdown(wait=False, cancel_futures=True)
        self.ledgers.close()
        self.store.close()

    def view(self, space: str) -> SpaceView | None:
        """The films of a live space."""
        return self._views.get(space)

    @property
    def revision(self) -> int:
        """Of the oldest control state that a lookup goes by; asked for all the time (presence)."""
        self._let_go()
        return self.adoption.oldest

    def _loaded(self, space: str) -> bool:
        view = self._views.get(space)
        return view is not None and view.loaded and view.reranker.settled

    def _on_control(self, state: ControlState) -> None:
        """Follow each live space, so that promotion and rollback find their films loaded."""
        with self._views_lock:
            for space, document in state.live.items():
                if space not in self._views:
                    self._views = {**self._views, space: self._follow(document)}

    def _let_go(self) -> None:
        """Stop following spaces that are live no more, once no answer needs them."""
        if self._views.keys() <= self.control.state.live.keys():
            return
        with self._views_lock:
            kept = self.control.state.live.keys() | self.adoption.needed()
            gone = [view for space, view in self._views.items() if space not in kept]
            self._views = {space: view for space, view in self._views.items() if space in kept}
        for view in gone:
            view.reranker.stop()
            view.follower.stop()
            view.catalogue.close()

    def _follow(self, document: SpaceDocument) -> SpaceView:
        catalogue = Catalogue(document.dim, self._budget)

        def take(messages: Sequence[Message]) -> None:
            catalogue.apply(_vectors(messages))

        follower = TopicFollower(
            self.settings,
            self.names.vectors(document.space),
            self.settings.topics.items_partitions,
            take,
            catalogue.clear,
        )
        follower.start()
        wanted = self.settings.gateway.reranker
        slot = RerankerSlot(self.settings, document, catalogue, self.popular, self._vouch, wanted)
        return SpaceView(catalogue, follower, slot)

    def _take_presence(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.owners.put(message.key() or b"", message.value())

    def _take_popular(self, messages: Sequence[Message]) -> None:
        for message in messages:
            key, value = message.key(), message.value()
            try:
                self.popular.put((key or b"").decode(), decode_counts(value) if value is not None else {})
            except (ValueError, msgspec.DecodeError) as error:
                _log.error("like counts passed over", offset=message.offset(), error=str(error))


def _vectors(messages: Sequence[Message]) -> list[tuple[str, VectorDocument | None]]:
    changes: list[tuple[str, VectorDocument | None]] = []
    for message in messages:
        key, value = message.key(), message.value()
        try:
            changes.append(((key or b"").decode(), decode_vector(value) if value is not None else None))
        except (ValueError, msgspec.DecodeError) as error:
            _log.error("vector passed over", offset=message.offset(), error=str(error))
    return changes
