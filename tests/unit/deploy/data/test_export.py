"""An export counts as users those of whom a rating is in the file, and the others beside them."""

from __future__ import annotations

from deploy.data.export import ExportResult, rows_of
from streaming.documents import Ratings


def test_users_are_those_with_a_rating_in_the_file() -> None:
    result = ExportResult(1, "out", until_ms=50)
    documents: dict[str, Ratings] = {
        "rates": {"a": (4.5, 20), "b": (None, 30), "c": (3.0, 99)},
        "took it back": {"a": (None, 30)},
        "came later": {"a": (4.0, 99)},
        "empty": {},
    }
    rows = [row for user, document in documents.items() for row in rows_of(user, document, result)]
    assert [(row["user_id"], row["item_id"], row["value"]) for row in rows] == [
        ("rates", "a", 4.5),
        ("rates", "b", None),
        ("took it back", "a", None),
    ]
    assert (result.users, result.users_without_ratings) == (1, 3)
    assert (result.ratings, result.left_out) == (1, 2)
