"""Whether an answer is of one space: its scores recomputed from what it names (rule 8)."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.checks.expected import Float64, expected_row
from deploy.checks.reading import TopicReader
from deploy.checks.users import take_vectors
from streaming.control.documents import SpaceDocument
from streaming.control.reader import read_control
from streaming.documents import Ratings, decode_user
from streaming.exceptions import MarqueeError
from streaming.settings import Settings
from streaming.topics import TopicNames

TOLERANCE = 1e-4
"""Of the largest score of an answer: Milvus computes in float32."""
VERSIONS = 50
"""Documents kept of a user."""
EXAMPLES = 5


def explains(
    answer: Mapping[str, Any], ratings: Ratings, vectors: Mapping[str, Float64], space: SpaceDocument
) -> bool:
    """Whether every score is this document's profile times this space's vector."""
    profile = expected_row(ratings, vectors, space.dim, space.policy).vector
    scores = {item["item_id"]: item["score"] for item in answer["items"]}
    if not scores.keys() <= vectors.keys():
        return False
    bound = TOLERANCE * max((abs(score) for score in scores.values()), default=0.0)
    return all(abs(score - float(profile @ vectors[item])) <= bound for item, score in scores.items())


@dataclass
class Verdicts:
    """``mixed`` are examples of answers whose scores are not those of the space they name."""

    judged: int = 0
    unjudged: int = 0
    mixed_count: int = 0
    mixed: list[dict[str, Any]] = field(default_factory=list)


class Judge:
    """Judges answers on a thread of its own, as they come, while what they name is still there."""

    def __init__(self, settings: Settings) -> None:
        self.verdicts = Verdicts()
        self._settings, self._names = settings, TopicNames(settings.namespace)
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._documents = TopicReader(settings, self._names.users, range(settings.topics.ratings_partitions))
        self._versions: dict[str, dict[int, bytes]] = {}
        self._readers: dict[str, TopicReader] = {}
        self._vectors: dict[str, dict[str, Float64]] = {}
        self._spaces: dict[str, SpaceDocument] = {}
        self._thread = threading.Thread(target=self._run, name="judge", daemon=True)
        self._thread.start()

    def put(self, answer: dict[str, Any]) -> None:
        """Have an answer judged."""
        self._answers.put(answer)

    def close(self, timeout_s: float = 120.0) -> Verdicts:
        """Judge what is waiting, and let the connections go."""
        self._answers.put(None)
        self._thread.join(timeout_s)
        self.verdicts.unjudged += sum(answer is not None for answer in list(self._answers.queue))
        return self.verdicts

    def _run(self) -> None:
        while (answer := self._answers.get()) is not None:
            try:
                self._judge(answer)
            except MarqueeError:
                # a space that was dropped meanwhile, or Kafka away: no verdict
                self.verdicts.unjudged += 1
        for reader in (self._documents, *self._readers.values()):
            reader.close()

    def _judge(self, answer: dict[str, Any]) -> None:
        user, revision, name = answer["user_id"], answer["revision"], answer["space"]
        if answer["source"] != "profile" or revision is None or not answer["items"]:
            self.verdicts.unjudged += 1
            return
        if name not in self._vectors or revision not in self._versions.get(user, {}):
            self._read_on(name)
        document = self._versions.get(user, {}).get(revision)
        if document is None:
            self.verdicts.unjudged += 1
            return
        self.verdicts.judged += 1
        ratings, space = decode_user(document), self._spaces[name]
        explained = explains(answer, ratings, self._vectors[name], space)
        if not explained:
            # a film may have got another vector since its topic was read
            self._read_on(name)
            explained = explains(answer, ratings, self._vectors[name], space)
        if not explained:
            self.verdicts.mixed_count += 1
            if len(self.verdicts.mixed) < EXAMPLES:
                self.verdicts.mixed.append(answer)

    def _read_on(self, name: str) -> None:
        for record in self._documents.read_on():
            versions = self._versions.setdefault((record.key or b"").decode(errors="replace"), {})
            if record.value is not None:
                versions[record.offset] = record.value
                if len(versions) > VERSIONS:
                    del versions[min(versions)]
        if name not in self._spaces:
            self._spaces[name] = read_control(self._settings).spaces[name]
        if name not in self._readers:
            parts = range(self._settings.topics.items_partitions)
            self._readers[name] = TopicReader(self._settings, self._names.vectors(name), parts)
        take_vectors(self._vectors.setdefault(name, {}), self._readers[name].read_on())
