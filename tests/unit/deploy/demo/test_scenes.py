"""The demo's own judgement: what counts as a changed answer, whose taste is shown, exact ranks."""

from __future__ import annotations

from typing import Any

import numpy as np

from deploy.demo.counting import counting, passed_over
from deploy.demo.exact import rank_for_all
from deploy.demo.people import changed
from deploy.demo.tastes import choose, likes_of, share
from streaming.control.documents import Change, SpaceDocument
from streaming.events import Item
from trainer.data import Ratings

SPACE = SpaceDocument(
    space="s",
    package="p",
    version="1",
    dim=2,
    change=Change(revision=1, nonce="", operator="", reason="", at_ms=0),
)


def answer(revision: int | None, **scores: float) -> dict[str, Any]:
    """What the gateway might say."""
    films = [{"item_id": item, "score": score} for item, score in scores.items()]
    return {"source": "profile" if revision is not None else "popular", "revision": revision, "items": films}


def test_leaving_the_rated_film_out_is_no_change() -> None:
    before = answer(5, a=3.0, b=2.0)
    assert not changed(before, answer(5, b=2.0, c=1.0))
    assert not changed(before, answer(6, b=2.0, c=1.0))
    assert changed(before, answer(6, b=2.5, c=1.0))
    assert changed(before, answer(6, d=2.5, c=1.0))
    assert not changed(before, answer(None, d=2.5))
    assert changed(answer(None, x=9.0), answer(6, d=2.5))


def rated_like(users: dict[str, dict[str, float]]) -> Ratings:
    """A table of these ratings."""
    rows = [(user, item, value) for user, rated in users.items() for item, value in rated.items()]
    return Ratings(
        np.array([r[0] for r in rows], dtype=object),
        np.array([r[1] for r in rows], dtype=object),
        np.array([r[2] for r in rows], dtype=np.float64),
        np.zeros(len(rows), dtype=np.int64),
    )


def test_the_taste_shown_is_the_one_that_changes_the_list_most() -> None:
    films = {f"w{n}": Item(f"w{n}", "W", genres=("Western",)) for n in range(40)}
    films |= {f"s{n}": Item(f"s{n}", "S", genres=("Sci-Fi",)) for n in range(40)}
    films |= {f"h{n}": Item(f"h{n}", "H", genres=("Horror",)) for n in range(40)}
    # westerns and science fiction are clusters; horror films lie with the westerns
    directions = {"w": np.array([1.0, 0.0]), "s": np.array([0.0, 9.0]), "h": np.array([0.5, 0.0])}
    vectors = {item: directions[item[0]] for item in films}
    users = {"few": {"w0": 5.0}, "fits": {f"w{n}": 5.0 for n in range(10)} | {"s0": 1.0}}
    users |= {"crowd": dict.fromkeys(films, 5.0)}
    taste = choose(likes_of(rated_like(users)), films, vectors)
    assert (taste.user_id, taste.main_genre, taste.new_genre) == ("fits", "Western", "Sci-Fi")
    assert len(set(taste.new_films)) == 5
    assert "s0" not in taste.new_films, "what he has rated already is no new like"


def test_ratings_of_erased_users_are_passed_over() -> None:
    ratings = rated_like({"ml:1": {"a": 5.0, "b": 4.0}, "ml:2": {"a": 3.0}, "ml:3": {"c": 3.0}})
    ratings.event_time_ms[:] = [10, 20, 10, 10]
    cutoffs = {"ml:1": 10, "ml:3": 99}
    left = counting(ratings, lambda user_id: cutoffs.get(user_id, -1))
    assert left.user_ids.tolist() == ["ml:1", "ml:2"]
    assert left.item_ids.tolist() == ["b", "a"]
    said = "2 users of the shipped data were erased here (ml:1, ml:3): 2 ratings do not count"
    assert passed_over(ratings, left) == said
    assert passed_over(ratings, counting(ratings, lambda _: -1)) is None


def test_share_of_a_genre() -> None:
    assert share([["A"], ["A", "B"], ["B"], []], "A") == 0.5
    assert share([], "A") == 0.0


def test_exact_ranks_leave_rated_films_out_and_cold_users_too() -> None:
    vectors = {
        "new": np.array([1.0, 0.0]),
        "x": np.array([3.0, 0.0]),
        "y": np.array([2.0, 0.0]),
        "z": np.array([0.0, 1.0]),
    }
    documents = {
        "likes x": {"x": (5.0, 1)},
        "likes x, hates y": {"x": (5.0, 1), "y": (1.0, 1)},
        "likes nothing": {"x": (1.0, 1)},
        "knows it": {"new": (5.0, 1)},
    }
    ranked = {found.user_id: found.rank for found in rank_for_all("new", documents, vectors, SPACE)}
    assert ranked == {"likes x": 2, "likes x, hates y": 1}
