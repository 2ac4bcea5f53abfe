"""Who types a title wants that film: words of titles, in any spelling, with and without a year."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.gateway.titles import TitleIndex, words

FILMS = {
    1: ("The Matrix", 1999),
    2: ("The Matrix Reloaded", 2003),
    3: ("Léon: The Professional", 1994),
    4: ("Schindler's List", 1993),
    5: ("A", None),
    6: ("2001: A Space Odyssey", 1968),
    7: ("七人の侍", 1954),
}


@pytest.fixture
def index() -> TitleIndex:
    made = TitleIndex()
    for row, (title, year) in FILMS.items():
        made.put(row, title, year)
    return made


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the matrix", {1: 0, 2: 1}),
        ("Matrix, The (1999)", {1: 0}),
        ("leon professional", {3: 0}),
        ("PROFESSIONAL!", {3: 1}),
        ("schindlers list", {4: 0}),
        ("Schindler\u2019s List", {4: 0}),
        ("a", {5: 0}),
        ("space odyssey 1968", {6: 0}),
        ("七人の侍", {7: 0}),
        ("matrix revolutions", {}),
        ("toys come to life", {}),
        ("", {}),
        ("?!", {}),
    ],
)
def test_titles_that_hold_every_word(index: TitleIndex, text: str, found: dict[int, int]) -> None:
    assert index.find(text) == found


TITLES = st.lists(st.sampled_from(["alien", "ghost", "the", "1999", "of", "é"]), max_size=4).map(" ".join)


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 3), TITLES, st.sampled_from([None, 1999])), max_size=12), TITLES)
def test_the_index_is_what_looking_at_every_title_finds(
    changes: list[tuple[int, str, int | None]], text: str
) -> None:
    index = TitleIndex()
    held: dict[int, tuple[str, int | None]] = {}
    for row, title, year in changes:
        if row in held:
            index.remove(row, *held.pop(row))
        else:
            held[row] = (title, year)
            index.put(row, title, year)
    said = words(text)
    want = {
        row
        for row, (title, year) in held.items()
        if said and said <= words(title) | ({str(year)} if year else set())
    }
    assert set(index.find(text)) == want
