"""Heartbeats on ``presence.v1``: which processes are there, and which control revision each runs."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable

import msgspec
from confluent_kafka import KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from streaming.documents import HEARTBEAT_KEY
from streaming.kafka.config import admin_options, producer_options
from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.kafka.loader import BEGINNING, Loader, read_to_end
from streaming.kafka.offsets import begin_offsets, end_offsets
from streaming.observability.logging import get_logger
from streaming.settings import Settings
from streaming.topics import TopicNames

HEARTBEAT_S = 2.0
CHECK_S = 0.05
"""How often a process looks whether its revision has moved: whoever waits for it hears of it at once."""
STALE_S = 10.0

log = get_logger(__name__)


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One process, as it last reported itself.

    ``revision`` is the control revision it runs, ``partitions`` what a ledger owns of ``ratings.v1``, and
    ``busy`` whether a space worker is encoding films.
    """

    role: str
    instance: str
    address: str
    host: str
    pid: int
    revision: int
    started_ms: int
    at_ms: int
    partitions: tuple[int, ...] = ()
    busy: bool = False

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
    """Reports this process every two seconds, and whenever what it says moves, until :meth:`stop`.

    Args:
        role: ``ledger``, ``gateway`` or ``space:<id>``.
        instance: name of the instance.
        address: ``host:port`` of the internal endpoint, or empty.
        revision, partitions, busy: asked twenty times a second.
    """

    def __init__(
        self,
        settings: Settings,
        role: str,
        instance: str,
        address: str,
        revision: Callable[[], int],
        partitions: Callable[[], tuple[int, ...]] = tuple,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._topic = TopicNames(settings.namespace).presence
        self._producer = Producer(producer_options(settings, f"marquee-presence-{role}-{instance}"))
        self._revision, self._partitions, self._busy = revision, partitions, busy
        self._role, self._instance, self._address = role, instance, address
        self._host, self._started_ms = socket.gethostname(), int(time.time() * 1000)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin; the first heartbeat goes out at once."""
        self._thread.start()

    def stop(self) -> None:
        """Take the process off the list and end the thread; waits half a second at most."""
        self._stopped.set()
        self._thread.join(0.2)
        self._send(self.heartbeat().key, None)
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
            partitions=self._partitions(),
            busy=self._busy(),
        )

    def _run(self) -> None:
        said: tuple[int, tuple[int, ...], bool] | None = None
        due = 0.0
        while not self._stopped.is_set():
            beat, now = self.heartbeat(), time.monotonic()
            says = (beat.revision, beat.partitions, beat.busy)
            if says != said or now >= due:
                self._send(beat.key, encode_heartbeat(beat))
                said, due = says, now + HEARTBEAT_S
            self._producer.poll(0)
            self._stopped.wait(CHECK_S)

    def _send(self, key: str, value: bytes | None) -> None:
        try:
            self._producer.produce(self._topic, value, key, partition=0)
        except (BufferError, KafkaException) as error:
            # a missed beat is shown as stale by whoever looks; the next one is two seconds away
            log.warning("heartbeat not sent", error=str(error))


class PresenceWatch:
    """Heartbeats as they come; for one thread. Reads from the beginning, so call :meth:`look` in a loop."""

    def __init__(self, settings: Settings, client_id: str = "marquee-presence-watch") -> None:
        self.beats: dict[str, Heartbeat] = {}
        """The last of every process that did not take itself off, by key; stale ones included."""
        self._settings, self._client_id = settings, client_id
        self._place = (TopicNames(settings.namespace).presence, 0)
        self._loader = Loader(settings, client_id)
        self._loader.add(self._place, BEGINNING)

    def settle(self, timeout_s: float = 30.0) -> dict[str, Heartbeat]:
        """Read to the end as it is now; returns :attr:`beats`.

        Raises:
            KafkaUnavailableError: Kafka does not answer, or the end is not reached in time.
        """
        admin = AdminClient(admin_options(self._settings, self._client_id))
        begin = begin_offsets(admin, [self._place])[self._place]
        end = end_offsets(admin, [self._place])[self._place]
        until = time.monotonic() + timeout_s
        while not self._loader.reached(self._place, begin, end):
            self.look()
            if time.monotonic() > until:
                raise KafkaUnavailableError(f"{self._place[0]} cannot be read to its end")
        return self.beats

    def look(self, wait_s: float = 0.05) -> dict[str, Heartbeat]:
        """Take what has come, waiting at most ``wait_s`` for it; returns :attr:`beats`.

        Raises:
            KafkaException: if the topic is gone.
        """
        for message in self._loader.follow(wait_s):
            fold_heartbeat(self.beats, message.key(), message.value())
        if self._place in self._loader.errors:
            # the topic is another, or has lost its end; who lives is heard again within two seconds
            self._loader.remove([self._place])
            self._loader.add(self._place, BEGINNING)
        return self.beats

    def close(self) -> None:
        """Let the connection go."""
        self._loader.close()


def fold_heartbeat(found: dict[str, Heartbeat], key: bytes | None, value: bytes | None) -> None:
    """Take one record of ``presence.v1`` into ``found``; what cannot be read is logged and passed over."""
    if key is None or key == HEARTBEAT_KEY:
        return
    try:
        if value is None:
            found.pop(key.decode(), None)
        else:
            found[key.decode()] = decode_heartbeat(value)
    except ValueError as error:
        log.warning("heartbeat passed over", error=str(error))


def read_presence(settings: Settings) -> dict[str, Heartbeat]:
    """The last heartbeat of every process that did not take itself off, by key; stale ones included.

    Raises:
        UnavailableError: if Kafka does not answer.
    """
    found: dict[str, Heartbeat] = {}

    def take(message: Message) -> None:
        fold_heartbeat(found, message.key(), message.value())

    place = (TopicNames(settings.namespace).presence, 0)
    read_to_end(settings, {place: BEGINNING}, take, "marquee-presence-reader")
    return found
