"""Reading ``served.v1`` and ``events.v1``: all of it for `marquee kpi`, what comes for the canary gate."""

from __future__ import annotations

import msgspec
from confluent_kafka import Message
from confluent_kafka.admin import AdminClient

from deploy.rollout.attribution import Joined, ServedRecord
from streaming.documents import HEARTBEAT_KEY
from streaming.events.feedback import Feedback
from streaming.kafka.config import admin_options
from streaming.kafka.loader import BEGINNING, Loader, read_to_end
from streaming.kafka.offsets import Place, end_offsets
from streaming.settings import Settings
from streaming.topics import TopicNames

CLIENT_ID = "marquee-feedback"
_served = msgspec.json.Decoder(ServedRecord).decode
_event = msgspec.json.Decoder(Feedback).decode


def _places(settings: Settings) -> list[Place]:
    names = TopicNames(settings.namespace)
    parts = range(settings.topics.ratings_partitions)
    return [(topic, part) for topic in (names.served, names.events) for part in parts]


class _Reader:
    """Puts records where they belong; who sends rubbish to ``events.v1`` himself is passed over."""

    def __init__(self, settings: Settings, since_ms: int = 0) -> None:
        self.joined = Joined()
        self.passed_over = 0
        self._since_ms = since_ms
        self._names = TopicNames(settings.namespace)

    def take(self, message: Message) -> None:
        value = message.value()
        if value is None or message.key() == HEARTBEAT_KEY or message.timestamp()[1] < self._since_ms:
            return
        try:
            if message.topic() == self._names.served:
                self.joined.served(_served(value))
            else:
                self.joined.happened(_event(value))
        except msgspec.MsgspecError:
            self.passed_over += 1


def read_feedback(settings: Settings, since_ms: int = 0) -> tuple[Joined, int]:
    """Everything that the topics retain since then, and how many records could not be read.

    Raises:
        UnavailableError: if Kafka does not answer.
    """
    reader = _Reader(settings, since_ms)
    read_to_end(settings, dict.fromkeys(_places(settings), BEGINNING), reader.take, CLIENT_ID)
    return reader.joined, reader.passed_over


class FeedbackWatch:
    """What is answered, and what becomes of it, from now on. For one thread."""

    def __init__(self, settings: Settings) -> None:
        self._reader = _Reader(settings)
        self._loader = Loader(settings, CLIENT_ID)
        admin = AdminClient(admin_options(settings, CLIENT_ID))
        for place, end in end_offsets(admin, _places(settings)).items():
            self._loader.add(place, end)

    def look(self) -> Joined:
        """Take what has come.

        Raises:
            OutOfRangeError: a topic was made anew: nothing more would ever come from it.
        """
        while messages := self._loader.poll(timeout_s=0.05):
            for message in messages:
                self._reader.take(message)
        self._loader.check()
        return self._reader.joined

    def close(self) -> None:
        """Let the connection go."""
        self._loader.close()
