"""Titles as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.titles import clean_genres, split_title


@pytest.mark.parametrize(
    ("raw", "title", "year"),
    [
        ("Toy Story (1995)", "Toy Story", 1995),
        ("Matrix, The (1999)", "The Matrix", 1999),
        ("Postman, The (Postino, Il) (1994)", "The Postman (Il Postino)", 1994),
        ("Avventura, L' (a.k.a. Adventure, The) (1960)", "L'Avventura (a.k.a. The Adventure)", 1960),
        ("Seven (a.k.a. Se7en) (1995)", "Seven (a.k.a. Se7en)", 1995),
        ("Good, the Bad and the Ugly, The (1966)", "The Good, the Bad and the Ugly", 1966),
        ("Babylon 5", "Babylon 5", None),
        ("Fawlty Towers (1975-1979)", "Fawlty Towers", 1975),
        ("Death Note: Desu nôto (2006–2007)", "Death Note: Desu nôto", 2006),
        ("Big Bang Theory, The (2007-) ", "The Big Bang Theory", 2007),
        ("2001: A Space Odyssey (1968)", "2001: A Space Odyssey", 1968),
        ("(1984)", "(1984)", None),
        ("Me, Myself & I (2000)", "Me, Myself & I", 2000),
    ],
)
def test_titles(raw: str, title: str, year: int | None) -> None:
    assert split_title(raw) == (title, year)


@given(st.text(min_size=1).filter(str.strip))
def test_no_title_is_lost(raw: str) -> None:
    assert split_title(raw)[0].strip()


def test_genres() -> None:
    assert clean_genres(["Comedy", "Children's", "Comedy"]) == ("Comedy", "Children")
    assert clean_genres(["(no genres listed)"]) == clean_genres(["unknown"]) == clean_genres([""]) == ()
