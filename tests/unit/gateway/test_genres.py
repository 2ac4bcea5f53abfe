"""A genre is found whatever its case; who mistypes one is told which come near."""

from __future__ import annotations

import pytest

from streaming.gateway.genres import near, spelling, unknown_genre

COUNTS = {"Comedy": 9, "Drama": 8, "Film-Noir": 2, "Sci-Fi": 5, "Horror": 4, "Children": 3}


@pytest.mark.parametrize(
    ("asked", "found"),
    [("Comedy", "Comedy"), ("comedy", "Comedy"), (" SCI-FI ", "Sci-Fi"), ("Comdy", None), ("", None)],
)
def test_case_does_not_count(asked: str, found: str | None) -> None:
    assert spelling(asked, COUNTS) == found


def test_of_two_that_differ_by_case_the_very_one_wins_else_the_one_with_most_films() -> None:
    both = {"drama": 1, "Drama": 8}
    assert spelling("drama", both) == "drama"
    assert spelling("DRAMA", both) == "Drama"


@pytest.mark.parametrize(
    ("asked", "first"),
    [("comdy", "Comedy"), ("noir", "Film-Noir"), ("SciFi", "Sci-Fi"), ("child", "Children")],
)
def test_what_comes_near_is_named(asked: str, first: str) -> None:
    assert near(asked, COUNTS)[0] == first


def test_the_sentence_names_what_comes_near_and_where_all_are_listed() -> None:
    said = unknown_genre("Commedy", COUNTS)
    assert said == (
        "unknown genre 'Commedy': did you mean 'Comedy'? GET /v1/genres (`marquee genres`) lists all 6"
    )
    assert unknown_genre("xyzzy", COUNTS).startswith("unknown genre 'xyzzy'. GET /v1/genres")
    assert len(unknown_genre("x" * 5_000, COUNTS)) < 250
