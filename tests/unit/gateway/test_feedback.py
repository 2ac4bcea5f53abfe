"""Events about answers, as apps send them."""

from __future__ import annotations

import msgspec
import pytest

from streaming.events import InvalidEventError
from streaming.events.feedback import Feedback
from streaming.gateway.openapi import FEEDBACK
from streaming.gateway.parse import feedback_of

NOW = 1_700_000_000_000


def row(**changes: object) -> bytes:
    return msgspec.json.encode(FEEDBACK | changes)


def test_the_time_is_now_unless_given() -> None:
    event = feedback_of(row(), NOW)
    assert event.event_time is not None
    assert event.event_time.timestamp() * 1000 == NOW
    given = feedback_of(row(event_time="2023-01-01T00:00:00Z"), NOW)
    assert given.event_time is not None
    assert given.event_time.year == 2023
    assert msgspec.json.decode(msgspec.json.encode(given), type=Feedback) == given


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "purchase"}, "kind"),
        ({"item_id": ""}, "item_id"),
        ({"recommendation_id": "x" * 65}, "recommendation_id"),
        ({"event_time": "2030-01-01T00:00:00Z"}, "event_time"),
        ({"event_time": "2023-01-01T00:00:00"}, "event_time"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], field: str | None) -> None:
    with pytest.raises(InvalidEventError) as refused:
        feedback_of(row(**changes), NOW)
    assert refused.value.field == field
