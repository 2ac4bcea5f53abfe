"""Filter expressions: no value becomes syntax; what Lite's own parser makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from milvus_lite.search.filter import parse_expr
from milvus_lite.search.filter.ast import InOp, StringLit

from streaming.milvus.filters import both, item_filter, key_range, one_of, quote

IDS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30)


@given(st.lists(IDS, min_size=1, max_size=5))
def test_ids_come_out_of_the_parser_as_they_went_in(ids: list[str]) -> None:
    parsed = parse_expr(one_of("user_id", ids))
    assert isinstance(parsed, InOp)
    assert [e.value for e in parsed.values.elements if isinstance(e, StringLit)] == ids


@given(IDS)
def test_a_genre_cannot_end_the_expression(genre: str) -> None:
    parse_expr(item_filter(genre=genre, year_from=1990, year_to=2000))


@pytest.mark.parametrize(
    ("arguments", "expression"),
    [
        ({}, ""),
        ({"genre": "Drama"}, 'array_contains(genres, "Drama")'),
        ({"year_from": 1990}, "year >= 1990"),
        ({"year_to": 1990}, "(year <= 1990) and (year > 0)"),
        ({"year_from": 1990, "year_to": 1995}, "(year >= 1990) and (year <= 1995)"),
    ],
)
def test_item_filters(arguments: dict[str, object], expression: str) -> None:
    assert item_filter(**arguments) == expression  # type: ignore[arg-type]


def test_key_ranges_leave_sides_open() -> None:
    assert key_range("user_id", 3, None, None) == "part == 3"
    assert key_range("user_id", 3, "a", None) == '(part == 3) and (user_id >= "a")'
    assert key_range("user_id", 3, None, "b") == '(part == 3) and (user_id < "b")'
    assert both(None, "") == ""
    assert quote('a"\\b\n') == '"a\\"\\\\b\\n"'
