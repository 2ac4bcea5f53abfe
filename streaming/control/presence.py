"""Heartbeats on ``presence.v1``: which processes are there, and which control revision each runs."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable

import msgspec
from confluent_kafka import KafkaException, Message, Producer

from streaming.documents import HEARTBEAT_KEY
from streaming.kafka.config import producer_options
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.observability.logging import get_logger
from streaming.settings import Settings
from streaming.topics import TopicNames

HEARTBEAT_S = 2.0
STALE_S = 10.0

log = get_logger(__name__)


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One process, as it last reported itself. ``revision`` is the control revision it runs."""

    role: str
    instance: str
    address: str
    host: str
    pid: int
    revision: int
    started_ms: int
    at_ms: int

    @property
    def key(self) -> str:
        """Key on ``presence.v1``: one a process name, so that a restart replaces its forerunner."""
        return f"{self.role}/{self.instance}@{self.host}"

    def stale(self, now_ms: int) -> bool:
        """Whether the process has not been heard of for ten seconds."""
        return now_ms - self.at_ms > STALE_S * 1000


encode_heartbeat = msgspec.json.Encoder().encode
decode_heartbeat = msgspec.json.Decoder(Heartbeat).decode


class Presence:
    """Reports this process every two seconds from a thread of its own, until :meth:`stop`.

    Args:
        role: ``ledger``, ``gateway`` or ``space:<id>``.
        instance: name of the instance.
        address: ``host:port`` of the internal endpoint, or empty.
        revision: asked at every heartbeat.
    """

    def __init__(
        self, settings: Settings, role: str, instance: str, address: str, revision: Callable[[], int]
    ) -> None:
        self._topic = TopicNames(settings.namespace).presence
        self._producer = Producer(producer_options(settings, f"marquee-presence-{role}-{instance}"))
        self._revision = revision
        self._role, self._instance, self._address = role, instance, address
        self._host, self._started_ms = socket.gethostname(), int(time.time() * 1000)
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin; the first heartbeat goes out at once."""
        self._thread.start()

    def changed(self) -> None:
        """Report now rather than at the next beat: the revision has moved."""
        self._wake.set()

    def stop(self) -> None:
        """Take the process off the list and end the thread; waits half a second at most."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(0.2)
        self._send(None)
        self._producer.flush(0.3)

    def heartbeat(self) -> Heartbeat:
        """What would be reported now."""
        return Heartbeat(
            role=self._role,
            instance=self._instance,
            address=self._address,
            host=self._host,
            pid=os.getpid(),
            revision=self._revision(),
            started_ms=self._started_ms,
            at_ms=int(time.time() * 1000),
        )

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._send(encode_heartbeat(self.heartbeat()))
            self._producer.poll(0)
            self._wake.wait(HEARTBEAT_S)
            self._wake.clear()

    def _send(self, value: bytes | None) -> None:
        try:
            self._producer.produce(self._topic, value, self.heartbeat().key, partition=0)
        except (BufferError, KafkaException) as error:
            # a missed beat is shown as stale by whoever looks; the next one is two seconds away
            log.warning("heartbeat not sent", error=str(error))


def read_presence(settings: Settings) -> dict[str, Heartbeat]:
    """The last heartbeat of every process that did not take itself off, by key; stale ones included.

    Raises:
        UnavailableError: if Kafka does not answer.
    """
    found: dict[str, Heartbeat] = {}

    def take(message: Message) -> None:
        key = message.key()
        if key is None or key == HEARTBEAT_KEY:
            return
        value = message.value()
        if value is None:
            found.pop(key.decode(), None)
        else:
            found[key.decode()] = decode_heartbeat(value)

    place = (TopicNames(settings.namespace).presence, 0)
    read_to_end(settings, {place: BEGINNING}, take, "marquee-presence-reader")
    return found
