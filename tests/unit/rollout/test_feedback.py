"""What others write to ``events.v1`` past the gateway stops no reader and is counted."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from deploy.rollout.feedback import _Reader
from streaming.documents import HEARTBEAT_KEY
from streaming.settings import Settings
from streaming.topics import TopicNames

GOOD = b'{"recommendation_id": "r", "item_id": "i", "kind": "click"}'


@dataclass
class Sent:
    """As confluent-kafka hands a record out."""

    at: str
    content: bytes | None
    name: bytes = b"r"

    def topic(self) -> str:
        return self.at

    def value(self) -> bytes | None:
        return self.content

    def key(self) -> bytes:
        return self.name

    def timestamp(self) -> tuple[int, int]:
        return 1, 1


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff", b"[]", GOOD.replace(b"click", b"buy")])
def test_garbage_is_passed_over_and_counted(bare_settings: Settings, garbage: bytes) -> None:
    reader, events = _Reader(bare_settings), TopicNames(bare_settings.namespace).events
    for content in (garbage, GOOD):
        reader.take(Sent(events, content))  # type: ignore[arg-type]
    reader.take(Sent(events, b"", HEARTBEAT_KEY))  # type: ignore[arg-type]
    assert (reader.passed_over, reader.joined.unmatched()) == (1, 1)
