"""How far a worker is behind Kafka, asked for when somebody wants to know."""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka.admin import AdminClient

from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.kafka.offsets import Place, end_offsets
from streaming.space import metrics

FRESH_S = 1.0


class Lag:
    """Records not yet taken, by topic; answers younger than a second are given again.

    Args:
        positions: the next offset of every place that is being read, kept up to date by who reads.
    """

    def __init__(self, admin: AdminClient, positions: Mapping[Place, int]) -> None:
        self._admin, self._positions = admin, positions
        self._at = 0.0
        self._answer: dict[str, int | None] = {}

    def now(self) -> dict[str, int | None]:
        """topic -> records not yet taken from the partitions of this worker, None where Kafka is silent."""
        if time.monotonic() - self._at < FRESH_S:
            return self._answer
        positions = dict(self._positions)
        answer: dict[str, int | None] = {topic: 0 for topic, _ in positions}
        try:
            ends = end_offsets(self._admin, positions)
        except KafkaUnavailableError:
            answer = dict.fromkeys(answer, None)
        else:
            for place, end in ends.items():
                answer[place[0]] = (answer[place[0]] or 0) + max(0, end - max(0, positions[place]))
        for topic, records in answer.items():
            if records is not None:
                metrics.lag.labels(topic).set(records)
        self._answer, self._at = answer, time.monotonic()
        return answer
