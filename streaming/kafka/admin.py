"""An AdminClient that can also be asked for stable committed offsets.

librdkafka 2.16 crashes the process when the answer to its own ``list_consumer_group_offsets`` is that the
group's coordinator moved or is loading (it hands that to a consumer group, which an admin client does not
have). A consumer that never joins asks the same question safely; it waits, so it does so on a thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from streaming.kafka.config import admin_options, consumer_options
from streaming.settings import Settings

TIMEOUT_S = 5.0


class OffsetAdmin(AdminClient):
    """One per process and purpose; :meth:`close` ends its thread and connections."""

    def __init__(self, settings: Settings, client_id: str = "marquee-admin") -> None:
        super().__init__(admin_options(settings, client_id))
        self._settings, self._client_id = settings, client_id
        self._consumers: dict[str, Consumer] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="committed-offsets")

    def committed(self, group: str, places: Iterable[tuple[str, int]]) -> Future[list[TopicPartition]]:
        """Stable committed offsets of ``group``; each answer carries its own error, if any."""
        wanted = [TopicPartition(topic, partition) for topic, partition in places]
        return self._thread.submit(self._ask, group, wanted)

    def _ask(self, group: str, wanted: list[TopicPartition]) -> list[TopicPartition]:
        consumer = self._consumers.get(group)
        if consumer is None:
            # read_committed makes the question one for stable offsets; it never subscribes, so never joins
            consumer = Consumer(consumer_options(self._settings, group, self._client_id))
            self._consumers[group] = consumer
        return consumer.committed(wanted, TIMEOUT_S) or []

    def close(self) -> None:
        """Let go of connections; an answer under way is waited for at most its timeout."""
        self._thread.shutdown(wait=False, cancel_futures=True)
