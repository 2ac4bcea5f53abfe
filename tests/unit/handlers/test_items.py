"""What BERT reads of a film, whose row it is, and the numbers beside the text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.features import FeatureConfig, side_features
from handlers.items import EncodeItem, fingerprint, item_problem, sentence

CONFIG = FeatureConfig(genres=("Comedy", "Drama"), year_knots=(1990, 2000, 2010), hashed={"cast": 8})
FILM = EncodeItem(
    title="Heat", year=1995, genres=("Crime",), text="A thief.", directors=("M. Mann",), cast=("A", "B")
)


def test_the_sentence_puts_what_says_most_first() -> None:
    assert sentence(FILM) == "Heat (1995). Crime. Directed by M. Mann. With A, B. A thief."
    assert sentence(EncodeItem(title="", text="Only text.")) == "Only text."


def test_fingerprint_knows_title_and_year_only() -> None:
    same = fingerprint("The  Matrix", 1999)
    assert same == fingerprint("the matrix", 1999)
    assert same == fingerprint("Ｔhe Matrix ", 1999)
    assert same != fingerprint("The Matrix", 2003)
    assert same != fingerprint("The Matrix", None)
    assert same != fingerprint("The Matrix Reloaded", 1999)


@given(st.text(), st.none() | st.integers(1870, 2200))
def test_fingerprint_takes_any_title(title: str, year: int | None) -> None:
    assert -(2**63) <= fingerprint(title, year) < 2**63


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (EncodeItem(title="  "), "both empty"),
        (EncodeItem(title="x" * 1001), "title is longer"),
        (EncodeItem(title="x", text="y" * 70_000), "text is longer"),
        (EncodeItem(title="x", year=99), "no year"),
    ],
)
def test_what_cannot_be_encoded(item: EncodeItem, reason: str) -> None:
    assert reason in (item_problem(item) or "")


def test_what_can_be_encoded() -> None:
    assert item_problem(FILM) is None
    assert item_problem(EncodeItem(title="", text="only text")) is None


def test_genres_and_years_and_names_land_in_their_columns() -> None:
    item = EncodeItem(title="x", year=1995, genres=("drama", "Comedy", "Unheard"), cast=("Ann",))
    row = side_features([item], CONFIG)[0]
    assert row.shape == (CONFIG.width,) == (2 + 1 + 3 + 1 + 8,)
    assert row[:3] == pytest.approx([2**-0.5, 2**-0.5, 0])
    assert row[3:7] == pytest.approx([0.5, 0.5, 0, 0])
    assert row[7:].sum() == pytest.approx(1.0)


def test_a_bare_film_says_so() -> None:
    row = side_features([EncodeItem(title="x")], CONFIG)[0]
    assert row[:7].tolist() == [0, 0, 1, 0, 0, 0, 1]
    assert not row[7:].any()


@given(st.integers(1800, 2300))
def test_year_weights_are_a_share(year: int) -> None:
    knots = side_features([EncodeItem(title="x", year=year)], CONFIG)[0][3:6]
    assert knots.sum() == pytest.approx(1.0)
    assert knots.min() >= 0
    inside = float(np.clip(year, 1990, 2010))
    assert float(knots @ np.array([1990, 2000, 2010])) == pytest.approx(inside, abs=1e-3)
