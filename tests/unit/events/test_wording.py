"""Refusals in words that their reader can act on, whichever way an event came in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.events import InvalidEventError, decode_item, decode_rating
from streaming.gateway.exceptions import BadRequestError
from streaming.gateway.parse import feedback_of, item_of, rating_of, rows_of

NOW = 1_700_000_000_000
RATING: dict[str, Any] = {"user_id": "u", "item_id": "i", "value": 4.5}
CLICK: dict[str, Any] = {"recommendation_id": "r", "item_id": "i", "kind": "click"}
JARGON = ("`", "$", "float |", "codec", "recursion", "Object", "enum", "deserializing", "RFC3339 encoded")


def refusal(call: Any, *arguments: Any) -> InvalidEventError | BadRequestError:
    with pytest.raises((InvalidEventError, BadRequestError)) as refused:
        call(*arguments)
    return refused.value


@pytest.mark.parametrize(
    ("change", "says", "field"),
    [
        ({"value": True}, "value must be a number or null, not true or false", "value"),
        ({"value": "4"}, "value must be a number or null, not a string", "value"),
        ({"user_id": 1}, "user_id must be a string, not a whole number", "user_id"),
        ({"event_time": "x"}, "event_time must be a time like 2026-01-01T00:00:00Z", "event_time"),
        (
            {"event_time": "2020-01-01T00:00:00"},
            "event_time must have a time zone, like 2026-01-01T00:00:00Z",
            "event_time",
        ),
        (
            {"rating": 4},
            "rating is not a known field; there are user_id, item_id, value, event_time",
            "rating",
        ),
    ],
)
def test_a_rating(change: dict[str, Any], says: str, field: str) -> None:
    refused = refusal(rating_of, msgspec.json.encode(RATING | change), NOW)
    assert (str(refused), refused.field) == (says, field)


def test_what_is_missing_is_named() -> None:
    refused = refusal(rating_of, b'{"user_id": "u", "value": 4}', NOW)
    assert (str(refused), refused.field) == ("item_id is missing", "item_id")
    refused = refusal(item_of, b'{"year": 1999}', "i")
    assert (str(refused), refused.field) == ("title is missing", "title")
    # the same out of Kafka
    refused = refusal(decode_rating, b'{"user_id": "u"}')
    assert (str(refused), refused.field) == ("event_time is missing", "event_time")
    refused = refusal(decode_item, msgspec.msgpack.encode({"item_id": "i", "title": 5}), [
        ("content-type", b"application/msgpack")
    ])  # fmt: skip
    assert (str(refused), refused.field) == ("title must be a string, not a whole number", "title")


def test_bytes_that_are_no_text() -> None:
    refused = refusal(rating_of, b'{"user_id": "\xff", "item_id": "i", "value": 4}', NOW)
    assert (str(refused), refused.field) == ("cannot be decoded: it is not valid UTF-8", None)


def test_a_film_and_a_click() -> None:
    refused = refusal(item_of, b'{"title": "T", "genres": ["a", 1]}', "i")
    assert str(refused) == "an entry of genres must be a string, not a whole number"
    assert refused.field == "genres"
    refused = refusal(feedback_of, msgspec.json.encode(CLICK | {"kind": "buy"}), NOW)
    assert (str(refused), refused.field) == ("kind must be one of impression, click, like", "kind")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "is not complete"),
        (b"[1,", "is not complete"),
        (b"not json", "is not JSON: invalid"),
        (b"\xff\xfe", "is not JSON"),
        (b"5", "must be an object, not a whole number"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"ratings": 5}', "must be a list, not a whole number"),
    ],
)
def test_a_whole_body(body: bytes, says: str) -> None:
    refused = refusal(rows_of, body, "ratings")
    assert str(refused).startswith(f"cannot be decoded: it {says}"), str(refused)


@given(
    st.dictionaries(
        st.sampled_from(["user_id", "item_id", "value", "event_time", "more"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab1") | st.lists(st.none()),
    )
)
def test_no_word_of_the_library_comes_through(changes: dict[str, Any]) -> None:
    refused = None
    try:
        rating_of(msgspec.json.encode(RATING | changes), NOW)
    except InvalidEventError as error:
        refused = error
    if refused is not None:
        assert not [word for word in JARGON if word in str(refused)], str(refused)
        assert refused.field is not None
        assert refused.field in str(refused)
