"""Few partitions, and topics that go with their test: one broker has those of all tests to look after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streaming.settings import Settings
from streaming.topics import fixed_topics
from streaming.topics.admin import delete
from tests.integration.ledger.status import PARTITIONS


@pytest.fixture
def settings(settings: Settings) -> Iterator[Settings]:
    """As everywhere, with :data:`PARTITIONS` partitions of ``ratings.v1``."""
    topics = settings.topics.model_copy(update={"ratings_partitions": PARTITIONS, "items_partitions": 1})
    # a ledger whose transaction ran out of time ends and is started again: not by a busy machine, please
    session = settings.session.model_copy(update={"transaction_timeout_ms": 10_000})
    few = settings.model_copy(update={"topics": topics, "session": session})
    yield few
    delete(few, [topic.name for topic in fixed_topics(few)])
