"""What a search may say, as JSON and as a form: the same rules for both."""

from __future__ import annotations

import msgspec
import pytest

from streaming.gateway.exceptions import BadRequestError
from streaming.gateway.films import ItemFilter
from streaming.gateway.parse_search import MAX_TEXT, search_fields, search_query
from streaming.gateway.query import SearchQuery

FULL = SearchQuery("a robot", 3, "Drama", 1990, 2000)


def test_both_ways_say_the_same() -> None:
    fields = {name: str(value) for name, value in msgspec.to_builtins(FULL).items()}
    assert search_fields(list(fields.items())) == search_query(msgspec.json.encode(FULL)) == FULL
    assert FULL.wanted == ItemFilter("Drama", 1990, 2000)
    assert search_fields([]) == search_query(b"{}") == SearchQuery()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"k": 0}, "k"),
        ({"k": 1_001}, "k"),
        ({"text": "a" * (MAX_TEXT + 1)}, "text"),
        ({"year_from": 2_000, "year_to": 1_990}, "year_from"),
        ({"year_to": 10_000}, "year_to"),
        ({"year_from": "x"}, "year_from"),
        ({"limit": 3}, "limit"),
    ],
)
def test_what_does_not_hold_is_refused_and_named(given: dict[str, object], field: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        search_fields([(name, str(value)) for name, value in given.items()])
    assert refused.value.field == field
    with pytest.raises(BadRequestError) as refused:
        search_query(msgspec.json.encode(given))
    assert field in str(refused.value)
    assert refused.value.field == field


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"text": "\xff"}', b"[" * 100_000])
def test_bodies_that_are_no_search(body: bytes) -> None:
    with pytest.raises(BadRequestError, match="cannot be decoded"):
        search_query(body)


def test_a_field_twice_is_refused() -> None:
    with pytest.raises(BadRequestError, match="given twice"):
        search_fields([("text", "a"), ("text", "b")])
