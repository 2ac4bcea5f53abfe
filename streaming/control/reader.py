"""Following ``control.v1``: the state at hand in every process, and one look for commands."""

from __future__ import annotations

import threading
from collections.abc import Callable

from confluent_kafka import KafkaException, Message

from streaming.control.state import ControlState
from streaming.documents import HEARTBEAT_KEY
from streaming.exceptions import UnavailableError
from streaming.kafka.exceptions import OutOfRangeError
from streaming.kafka.loader import BEGINNING, Loader, read_to_end
from streaming.kafka.offsets import Place
from streaming.observability.logging import get_logger
from streaming.settings import Settings
from streaming.topics import TopicNames

log = get_logger(__name__)


def _fold(state: ControlState, message: Message) -> ControlState:
    """``state`` after ``message``; what cannot be read is logged and passed over."""
    key = message.key()
    if key is None or key == HEARTBEAT_KEY:
        return state
    try:
        return state.with_record(key.decode(), message.value())
    except ValueError as error:
        log.error("control record passed over", offset=message.offset(), error=str(error))
        return state


def _load(settings: Settings) -> tuple[ControlState, int]:
    """The state at the end of ``control.v1``, and that end."""
    state = ControlState()

    def take(message: Message) -> None:
        nonlocal state
        state = _fold(state, message)

    place = (TopicNames(settings.namespace).control, 0)
    ends = read_to_end(settings, {place: BEGINNING}, take, "marquee-control-reader")
    return state, ends[place]


def read_control(settings: Settings) -> ControlState:
    """The state at the end of ``control.v1``.

    Raises:
        UnavailableError: if Kafka does not answer.
    """
    return _load(settings)[0]


class ControlReader:
    """The state as it stands, kept up to date by a thread.

    Args:
        on_change: called on that thread after each batch of changes; must not block for long.
    """

    def __init__(self, settings: Settings, on_change: Callable[[ControlState], None] | None = None) -> None:
        self._settings = settings
        self._on_change = on_change
        self._state = ControlState()
        self._next = BEGINNING
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control-reader", daemon=True)

    @property
    def state(self) -> ControlState:
        """The newest snapshot; safe to read from any thread."""
        return self._state

    def start(self) -> None:
        """Read to the end, then follow. The end is reached when this returns.

        Raises:
            UnavailableError: if Kafka does not answer.
        """
        self._state, self._next = _load(self._settings)
        if self._on_change is not None:
            self._on_change(self._state)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _run(self) -> None:
        place = (TopicNames(self._settings.namespace).control, 0)
        loader = Loader(self._settings, "marquee-control-follower")
        loader.add(place, self._next)
        try:
            while not self._stopped.is_set():
                try:
                    self._follow(loader)
                    loader.check()
                except OutOfRangeError as error:
                    log.warning("control is read anew", error=str(error))
                    self._read_anew(loader, place)
        finally:
            loader.close()

    def _read_anew(self, loader: Loader, place: Place) -> None:
        """The topic is another, or has lost its end: what is held is not what it says."""
        try:
            self._state, self._next = _load(self._settings)
        except (UnavailableError, KafkaException) as error:
            log.warning("control cannot be read", error=str(error))
            self._stopped.wait(1.0)
            return
        loader.remove([place])
        loader.add(place, self._next)
        if self._on_change is not None:
            self._on_change(self._state)

    def _follow(self, loader: Loader) -> None:
        try:
            messages = loader.follow(0.2)
        except KafkaException as error:
            log.warning("control cannot be read", error=str(error))
            self._stopped.wait(1.0)
            return
        if not messages:
            return
        state = self._state
        for message in messages:
            state = _fold(state, message)
        self._state = state
        if self._on_change is not None:
            self._on_change(state)
