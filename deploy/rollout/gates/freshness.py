"""How soon rows follow user documents, in a canary's space and in the champion's: the row `more late rows`.

Every space is written for every user, so both are measured on the same changes: a document that comes to
``users.v1`` while the gate looks, and the time at which each space's row of it was made.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from confluent_kafka.admin import AdminClient

from deploy.rollout.gates.sequential import Interval, proportion
from streaming.control.documents import SpaceDocument
from streaming.documents import HEARTBEAT_KEY
from streaming.kafka.config import admin_options
from streaming.kafka.loader import Loader
from streaming.kafka.offsets import end_offsets
from streaming.milvus.client import MilvusStore
from streaming.milvus.exceptions import CollectionMissingError
from streaming.milvus.rows import UserRow
from streaming.settings import Settings
from streaming.topics import TopicNames

CLIENT_ID = "marquee-freshness"
MOST_WAITING = 2_000
"""Changed users that are looked up at once; who comes on top is not counted."""


@dataclass
class Lateness:
    """Pure: of how many changes a space's row was late, decided once the time to be in time is over."""

    late_ms: float
    judged: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)

    def judge(self, space: str, offset: int, changed_ms: int, row: UserRow | None, now_ms: int) -> bool:
        """Take one change as seen at ``now_ms``; whether it can be told already.

        A row of a later document tells nothing of this one and is not counted.
        """
        if row is not None and row.revision > offset:
            return True
        there = row is not None and row.revision == offset
        if not there and now_ms - changed_ms <= self.late_ms:
            return False
        came_late = not there or (row is not None and row.updated_at - changed_ms > self.late_ms)
        self.judged[space] = self.judged.get(space, 0) + 1
        self.late[space] = self.late.get(space, 0) + came_late
        return True

    def more(self, space: str, champion: str, alpha: float) -> Interval:
        """The share of late rows of ``space`` less the champion's."""
        one, other = (
            proportion(self.late.get(name, 0), self.judged.get(name, 0), alpha) for name in (space, champion)
        )
        return one.minus(other)


class FreshnessWatch:
    """Changes of user documents from now on. For one thread."""

    def __init__(self, settings: Settings, late_ms: float) -> None:
        self.lateness = Lateness(late_ms)
        self._store = MilvusStore(settings)
        self._loader = Loader(settings, CLIENT_ID)
        topic = TopicNames(settings.namespace).users
        places = [(topic, part) for part in range(settings.topics.ratings_partitions)]
        for place, end in end_offsets(AdminClient(admin_options(settings, CLIENT_ID)), places).items():
            self._loader.add(place, end)
        self._waiting: dict[str, tuple[int, int, set[str]]] = {}
        """user -> (offset, when it was appended in ms, spaces that are not told yet)."""

    def look(self, spaces: Mapping[str, SpaceDocument]) -> Lateness:
        """Take what has come, and look at rows whose time is over.

        Raises:
            UnavailableError: Milvus does not answer.
            OutOfRangeError: the topic was made anew: nothing more would ever come from it.
        """
        for message in self._loader.poll(timeout_s=0.05):
            key, offset = message.key(), message.offset()
            if key is None or offset is None or key == HEARTBEAT_KEY or message.value() is None:
                continue
            user = key.decode() if isinstance(key, bytes) else key
            if user not in self._waiting and len(self._waiting) < MOST_WAITING:
                self._waiting[user] = (offset, message.timestamp()[1], set(spaces))
        self._loader.check()
        now_ms = int(time.time() * 1000)
        due = [u for u, (_, at, _) in self._waiting.items() if now_ms - at > self.lateness.late_ms]
        for name, space in spaces.items():
            asked = [user for user in due if name in self._waiting[user][2]]
            try:
                rows = self._store.get_users(space.users_collection, asked) if asked else {}
            except CollectionMissingError:
                continue
            for user in asked:
                offset, at, left = self._waiting[user]
                if self.lateness.judge(name, offset, at, rows.get(user), now_ms):
                    left.discard(name)
        for user in due:
            if not self._waiting[user][2]:
                del self._waiting[user]
        return self.lateness

    def close(self) -> None:
        """Let the connections go."""
        self._loader.close()
        self._store.close()
