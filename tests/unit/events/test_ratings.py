"""The rules of a rating, and its time to the millisecond."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.events import (
    InvalidEventError,
    RatingEvent,
    check_rating,
    decode_rating,
    encode,
    event_time_ms,
)

NOW_MS = 1_800_000_000_000
GOOD = {"user_id": "1", "item_id": "ml:296", "value": 4.5, "event_time": "2026-01-01T00:00:00Z"}


def taken(**changes: object) -> int:
    fields = {k: v for k, v in (GOOD | changes).items() if v != "MISSING"}
    return check_rating(decode_rating(json.dumps(fields).encode()), NOW_MS)


def test_a_good_rating_is_taken() -> None:
    assert taken() == 1_767_225_600_000


def test_a_take_back_and_an_erase_are_taken() -> None:
    assert taken(value=None)
    assert taken(value="MISSING", item_id="MISSING", erase=True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"value": 0.4}, "value"),
        ({"value": 5.1}, "value"),
        ({"value": "MISSING"}, "value"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": "a\nb"}, "user_id"),
        ({"user_id": " "}, "user_id"),
        ({"user_id": "u\u3000"}, "user_id"),
        ({"item_id": " ml:1"}, "item_id"),
        ({"user_id": "é" * 33}, "user_id"),
        ({"item_id": "x" * 65}, "item_id"),
        ({"item_id": ""}, "item_id"),
        ({"event_time": "1969-12-31T23:59:59Z"}, "event_time"),
        ({"event_time": "2999-01-01T00:00:00Z"}, "event_time"),
    ],
)
def test_what_breaks_a_rule_names_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidEventError) as refused:
        taken(**changes)
    assert refused.value.field == field


def test_what_was_stored_under_an_odd_id_can_be_taken_away() -> None:
    assert taken(user_id=" ", item_id="ml:1 ", value=None)
    assert taken(user_id=" ", erase=True)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"not json",
        b"[]",
        b'{"user_id": 1}',
        b"\xff\xfe",
        json.dumps(GOOD | {"value": "4"}).encode(),
        json.dumps(GOOD | {"event_time": "2026-01-01T00:00:00"}).encode(),
        b'{"user_id":"1","item_id":"i","value":NaN,"event_time":"2026-01-01T00:00:00Z"}',
        b'{"user_id":"1","item_id":"i","value":1e999,"event_time":"2026-01-01T00:00:00Z"}',
        b'{"user_id":"1","item_id":"i","value":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"user_id":"\\ud800","item_id":"i","value":4,"event_time":"2026-01-01T00:00:00Z"}',
    ],
)
def test_what_is_no_rating_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidEventError):
        check_rating(decode_rating(value), NOW_MS)


def test_nan_by_message_pack_is_refused() -> None:
    import msgspec

    value = msgspec.msgpack.encode(GOOD | {"value": float("nan")})
    with pytest.raises(InvalidEventError, match="value"):
        check_rating(decode_rating(value, [("content-type", b"application/msgpack")]), NOW_MS)


def test_an_unknown_content_type_is_refused() -> None:
    with pytest.raises(InvalidEventError, match="text/csv"):
        decode_rating(b"1,2,3", [("Content-Type", b"text/csv")])


def test_json_is_json_whatever_its_header_says() -> None:
    value = json.dumps(GOOD).encode()
    assert decode_rating(value, [("content-type", b"text/plain")]) == decode_rating(value)


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)))
def test_times_are_floored_to_milliseconds(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    assert event_time_ms(at) == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(
    st.builds(
        RatingEvent,
        user_id=st.text(min_size=1, max_size=8),
        event_time=st.datetimes(timezones=st.just(UTC)),
        item_id=st.text(max_size=8),
        value=st.none() | st.floats(0.5, 5.0),
        erase=st.booleans(),
    )
)
def test_an_event_survives_its_encoding(event: RatingEvent) -> None:
    assert decode_rating(encode(event)) == event
