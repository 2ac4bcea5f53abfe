"""From what a batch changes to one Kafka transaction, and from its commit to what is held in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError, Message, TopicPartition

from streaming.documents import HEARTBEAT_KEY
from streaming.kafka.transactions import TransactionalProducer
from streaming.ledger.erasure import Eraser
from streaming.ledger.fold import Changes
from streaming.ledger.owned import OwnedPartition
from streaming.ledger.packed import encode_packed
from streaming.topics import TopicNames

CountRecords = Sequence[tuple[str, bytes | None]]


class Batch:
    """One transaction: written by :meth:`write`, ended by :meth:`commit`, taken in by :meth:`apply`."""

    def __init__(self, names: TopicNames, producer: TransactionalProducer, eraser: Eraser) -> None:
        self._names, self._producer, self._eraser = names, producer, eraser
        self._documents: dict[int, dict[str, bytes | None]] = {}
        self._marks: dict[int, int] = {}

    def write(
        self,
        changes: Changes,
        counts: Mapping[int, CountRecords],
        heartbeats: Sequence[tuple[str, int]] = (),
    ) -> None:
        """Produce everything; raises what TransactionalProducer.produce does."""
        names, produce = self._names, self._producer.produce
        for number, part in changes.partitions.items():
            documents = {user: encode_packed(packed) for user, packed in part.documents.items()}
            self._documents[number] = documents
            rest = len(documents)
            for user, value in documents.items():
                rest -= 1
                if rest:
                    produce(names.users, value, user, partition=number)
                else:
                    # the last one tells up to where users.v1 is contained in what we hold
                    produce(names.users, value, user, partition=number, on_delivery=self._delivered)
            for digest, cutoff in part.erased.items():
                produce(names.erased, self._eraser.encode(cutoff), digest, partition=number)
        for forward in changes.forwards:
            produce(
                names.ratings,
                forward.value,
                forward.key,
                partition=forward.partition,
                headers=forward.headers,
            )
        for letter in changes.dead:
            produce(
                letter.topic, letter.value, letter.key, partition=letter.partition, headers=letter.headers
            )
        for number, records in counts.items():
            for key, count in records:
                produce(names.popular, count, key, partition=number)
        for topic, number in heartbeats:
            produce(topic, None, HEARTBEAT_KEY, partition=number)

    def offsets(self, changes: Changes) -> list[TopicPartition]:
        """The source offsets after this batch."""
        return [
            TopicPartition(self._names.ratings, number, part.next_offset)
            for number, part in changes.partitions.items()
        ]

    def commit(self, changes: Changes, metadata: object | None) -> None:
        """Records and source offsets together; ``metadata`` was taken when the batch was consumed."""
        self._producer.commit(self.offsets(changes), metadata)

    def apply(
        self, changes: Changes, thresholds: Sequence[float], partitions: Mapping[int, OwnedPartition]
    ) -> None:
        """Hold what was committed."""
        for number, part in changes.partitions.items():
            owned = partitions[number]
            for user, value in self._documents[number].items():
                owned.put(user, value)
            owned.mark = max(owned.mark, self._marks.get(number, 0))
            owned.position = part.next_offset
            owned.counts.apply_all(thresholds, part.likes)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        if error is None and partition is not None and offset is not None:
            self._marks[partition] = offset + 1
