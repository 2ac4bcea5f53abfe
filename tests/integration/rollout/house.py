"""A small installation whose packages are real: films, ratings, a ledger, TorchServe, workers on demand."""

from __future__ import annotations

import json
import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from deploy.cli.rollout import command
from streaming.control.documents import LIVE_STATES, SpaceDocument
from streaming.control.reader import read_control
from streaming.events import Item, RatingEvent, encode
from streaming.exceptions import MarqueeError
from streaming.kafka.config import producer_options
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames
from tests.integration.conftest import Spawn
from tests.integration.encoder.tiny import Tiny
from tests.support import MarqueeProcess, settings_env, until

USERS = 25


class House:
    """Operators type :meth:`rollout`; a worker runs for each space that :meth:`staffed` was told of."""

    def __init__(
        self,
        settings: Settings,
        tiny: Tiny,
        spawn: Spawn,
        monkeypatch: pytest.MonkeyPatch,
        rng: random.Random,
    ) -> None:
        self.settings, self.tiny, self._spawn, self._rng = settings, tiny, spawn, rng
        self.names = TopicNames(settings.namespace)
        self.producer = Producer(producer_options(settings, "house"))
        self.workers: dict[str, MarqueeProcess] = {}
        self.ledger: MarqueeProcess | None = None
        for name, value in settings_env(settings).items():
            monkeypatch.setenv(name, value)

    def fill(self) -> None:
        """Every film of the tiny package, and ratings of them."""
        for item in self.tiny.items:
            self.put(item)
        for user in range(USERS):
            for item in self._rng.sample(self.tiny.items, 8):
                value, age = self._rng.choice((1.0, 3.0, 4.0, 5.0)), self._rng.random() * 10
                self.rate(f"u{user}", item.item_id, value, age)
        assert self.producer.flush(20) == 0

    def put(self, item: Item) -> None:
        self._film(item.item_id, encode(item))

    def remove(self, item_id: str) -> None:
        self._film(item_id, None)

    def _film(self, item_id: str, value: bytes | None) -> None:
        partition = partition_of(item_id, self.settings.topics.items_partitions)
        self.producer.produce(self.names.items, value, item_id, partition=partition)

    def rate(self, user: str, item: str, value: float, age_days: float = 0.0) -> None:
        self.send(RatingEvent(user, datetime.now(UTC) - timedelta(days=age_days), item, value))

    def send(self, event: RatingEvent) -> None:
        partition = partition_of(event.user_id, self.settings.topics.ratings_partitions)
        self.producer.produce(self.names.ratings, encode(event), event.user_id, partition=partition)

    def staffed(self, space: str, environment: dict[str, str] | None = None) -> MarqueeProcess:
        """What the supervisor does when it sees a live space."""
        self.workers[space] = self._spawn("space", space, self.settings, environment=environment)
        return self.workers[space]

    def staffed_once_live(self, space: str) -> None:
        """As the supervisor waits for it: a worker of a space that is not live ends at once."""

        def live() -> bool:
            return self.spaces()[space].state in LIVE_STATES

        def begin() -> None:
            until(live, 120, what=f"{space} is live")
            self.staffed(space)

        threading.Thread(target=begin, daemon=True).start()

    def rollout(self, *words: str, code: int = 0) -> Result:
        """``marquee rollout WORDS``, in this process; fails unless it ends with ``code``."""
        result = CliRunner().invoke(command, list(words))
        error = result.exception
        found = error.exit_code if isinstance(error, MarqueeError) else result.exit_code
        assert found == code, (words, found, error, result.output)
        return result

    def answer(self, *words: str) -> dict[str, Any]:
        """The JSON of a command."""
        result = self.rollout(*words, "--json")
        loaded: dict[str, Any] = json.loads(result.stdout)
        return loaded

    def spaces(self) -> dict[str, SpaceDocument]:
        return dict(read_control(self.settings).spaces)

    def states(self) -> dict[str, str]:
        return {name: space.state for name, space in self.spaces().items()}
