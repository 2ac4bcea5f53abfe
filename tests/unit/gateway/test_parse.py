"""Parameters and bodies: what is taken, and how each thing that is not is refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.events import InvalidEventError
from streaming.gateway.exceptions import BadRequestError, NothingTakenError, UnsupportedMediaError
from streaming.gateway.films import ItemFilter
from streaming.gateway.parse import (
    checked_rows,
    decode_cursor,
    encode_cursor,
    item_of,
    lookup_query,
    rating_of,
    require_json,
    rows_of,
)
from streaming.gateway.problems import problem_of

NOW = 1_700_000_000_000


def test_a_query_with_everything() -> None:
    query = lookup_query(
        [
            ("k", "5"),
            ("genre", "Drama"),
            ("year_from", "1990"),
            ("exclude", "a,b"),
            ("exclude", "c"),
            ("diversity", "0.5"),
            ("explain", "True"),
        ]
    )
    assert (query.k, query.wanted) == (5, ItemFilter("Drama", 1990, None))
    assert (query.exclude, query.diversity, query.explain) == (frozenset(("a,b", "c")), 0.5, True)
    assert lookup_query([]).k == 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("k", "0"), ("k", "10000"), ("k", "1e1"), ("k", ""), ("k", "٣"), ("k", "9" * 5_000),
        ("year_from", "x"), ("year_to", "20000"), ("diversity", "nan"), ("diversity", "1.1"),
        ("diversity", "-inf"), ("diversity", ""), ("explain", "maybe"), ("exclude", ""),
        ("exclude", "\x00"), ("exclude", "x" * 65), ("limit", "1"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        lookup_query([(name, value)])
    assert caught.value.field == name


def test_parameters_contradict() -> None:
    for parameters in ([("k", "1"), ("k", "2")], [("year_from", "2001"), ("year_to", "2000")]):
        with pytest.raises(BadRequestError):
            lookup_query(parameters)
    with pytest.raises(BadRequestError):
        lookup_query([("exclude", str(n)) for n in range(1_001)])


GOOD: dict[str, Any] = {"user_id": "u", "item_id": "i", "value": 4.5}


def test_a_rating_is_timed_by_its_sender_or_now() -> None:
    assert rating_of(json.dumps(GOOD).encode(), NOW).event_time.timestamp() * 1000 == NOW
    timed = json.dumps(GOOD | {"event_time": "2020-01-01T00:00:00+01:00"}).encode()
    assert rating_of(timed, NOW).event_time.isoformat() == "2020-01-01T00:00:00+01:00"
    assert rating_of(json.dumps(GOOD | {"value": None}).encode(), NOW).value is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": 0.4}, "value"), ({"value": 5.1}, "value"), ({"value": "4"}, "value"),
        ({"value": True}, "value"),
        ({"value": 1e308}, "value"), ({"user_id": ""}, "user_id"), ({"user_id": 1}, "user_id"),
        ({"user_id": "é" * 33}, "user_id"), ({"item_id": "a\u0007"}, "item_id"),
        ({"item_id": "x" * 65}, "item_id"), ({"event_time": "1969-12-31T23:59:59Z"}, "event_time"),
        ({"event_time": "2999-01-01T00:00:00Z"}, "event_time"),
        ({"event_time": "2020-01-01T00:00:00"}, "event_time"),
        ({"event_time": 5}, "event_time"), ({"user_id": "\ud800"}, None), ({"erase": True}, "erase"),
    ],
)  # fmt: skip
def test_a_bad_rating_is_refused_by_field(change: dict[str, Any], field: str | None) -> None:
    with pytest.raises(InvalidEventError) as caught:
        rating_of(json.dumps(GOOD | change).encode(), NOW)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"not json", b"[]", b"5", b"null", b'"x"', b"[1,", b"\xff\xfe", b'{"ratings": 5}',
        b'{"ratings": []}', b'{"ratings": [{}], "more": 1}', b"[" * 100_000, b'{"a":' * 50_000,
        b"[" + b"{}," * 1_000 + b"{}]",
    ],
)  # fmt: skip
def test_bodies_that_are_no_rows(body: bytes) -> None:
    with pytest.raises((BadRequestError, InvalidEventError)):
        rating_of(rows_of(body, "ratings")[0][0], NOW)


def test_three_forms_of_rows() -> None:
    one = json.dumps(GOOD).encode()
    assert rows_of(b"  " + one, "ratings")[1] is False
    for many in (b" [%b, %b]" % (one, one), b'{"ratings": [%b, %b]}' % (one, one)):
        rows, bulk = rows_of(many, "ratings")
        assert bulk
        assert [rating_of(row, NOW).value for row in rows] == [4.5, 4.5]


def test_a_bulk_is_refused_where_no_row_is_good() -> None:
    good, bad = json.dumps(GOOD).encode(), json.dumps(GOOD | {"value": 0}).encode()

    def checked(*rows: bytes, bulk: bool = True) -> list[Any]:
        return checked_rows([msgspec.Raw(row) for row in rows], bulk, lambda row: rating_of(row, NOW))

    first, second = checked(bad, good)
    assert (first.field, second.value) == ("value", 4.5)
    with pytest.raises(NothingTakenError) as refused:
        checked(bad, b"{}")
    found, _ = problem_of(refused.value)
    assert (found.status, found.accepted) == (400, 0)
    assert [(row.index, row.field) for row in found.errors] == [(0, "value"), (1, "user_id")]
    assert "none of the 2 rows" in found.detail
    # one that is sent by itself is refused as itself
    with pytest.raises(InvalidEventError):
        checked(bad, bulk=False)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda s: st.lists(s, max_size=4) | st.dictionaries(st.text(max_size=5), s, max_size=4),
        max_leaves=20,
    )
)
def test_any_json_is_taken_or_refused(value: Any) -> None:
    body = json.dumps(value).encode()
    try:
        rows, _ = rows_of(body, "ratings")
        for row in rows:
            rating_of(row, NOW)
    except (BadRequestError, InvalidEventError):
        pass


def test_an_item_is_the_one_of_its_path() -> None:
    body = b'{"title": "T", "genres": ["g"]}'
    item, says_poster = item_of(body, "i/1")
    assert (item.item_id, item.title, item.genres, says_poster) == ("i/1", "T", ("g",), False)
    assert item_of(b'{"title": "T", "item_id": "i/1", "poster_sha256": ""}', "i/1")[1] is True
    for refused, item_id in (
        (b'{"title": "T", "item_id": "j"}', "i"),
        (body, None),
        (b'{"title": " "}', "i"),
        (b'{"title": "T", "year": 1}', "i"),
        (b'{"title": "T", "unknown": 1}', "i"),
        (b'{"title": "%b"}' % (b"x" * 1_001), "i"),
    ):
        with pytest.raises(InvalidEventError):
            item_of(refused, item_id)


def test_only_json_is_json() -> None:
    for kind in ("", "application/json", "Application/JSON; charset=utf-8", "application/x+json"):
        require_json(kind)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        with pytest.raises(UnsupportedMediaError):
            require_json(kind)


@given(st.integers(0, 2**50), st.text(min_size=1, max_size=20).filter(lambda t: t.isprintable()))
def test_a_cursor_comes_back(at: int, item: str) -> None:
    assert decode_cursor(encode_cursor(at, item)) == (at, item)


@pytest.mark.parametrize("text", ["", "x", "é", "AAAA", "====", "W10", "e30", "../..", "a" * 10_000])
def test_a_nonsense_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        decode_cursor(text)


def test_rows_are_not_copied_when_decoded() -> None:
    rows, _ = rows_of(b"[{}]", "ratings")
    assert isinstance(rows[0], msgspec.Raw)
