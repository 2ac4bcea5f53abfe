"""The rules of a film: what would be obeyed rather than shown is refused on every way in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from streaming.events import InvalidEventError, Item, check_item, encode
from streaming.gateway.parse import item_of
from streaming.partition import partition_of
from streaming.space.intake import Dead, Encode, Source, decide
from trainer.data import load_items
from trainer.exceptions import DataError

GOOD: dict[str, Any] = {"item_id": "my:1", "title": "Sintel"}
UNSAFE: list[tuple[dict[str, Any], str]] = [
    ({"title": "evil \x1b[31mred"}, "title"),
    ({"title": "bell\x07"}, "title"),
    ({"title": "two\nlines"}, "title"),
    ({"title": "C1 \x9b31m"}, "title"),
    ({"text": "\x1b]0;owned\x07"}, "text"),
    ({"text": "over\rwritten"}, "text"),
    ({"genres": ("Drama\t",)}, "genres"),
    ({"directors": ("\x1b[2J",)}, "directors"),
    ({"cast": ("a\x00b",)}, "cast"),
    ({"countries": ("\x7f",)}, "countries"),
    ({"languages": ("en", "\n")}, "languages"),
    ({"poster_url": "javascript:alert(1)"}, "poster_url"),
    ({"poster_url": "data:text/html,<script>"}, "poster_url"),
    ({"poster_url": "file:///etc/passwd"}, "poster_url"),
    ({"poster_url": "//host/p.jpg"}, "poster_url"),
    ({"poster_url": "http://"}, "poster_url"),
    ({"poster_url": "http://[::1/p.jpg"}, "poster_url"),
    ({"poster_url": "java\nscript:alert(1)"}, "poster_url"),
    ({"poster_url": 'https://h/"><script>'}, "poster_url"),
    ({"item_id": " "}, "item_id"),
    ({"item_id": "my:1 "}, "item_id"),
    ({"item_id": "\u00a0my:1"}, "item_id"),
]


@pytest.mark.parametrize(("change", "field"), UNSAFE)
def test_the_unsafe_is_refused_by_field(change: dict[str, Any], field: str) -> None:
    body = GOOD | change
    with pytest.raises(InvalidEventError) as refused:
        check_item(Item(**body))
    assert refused.value.field == field
    # over HTTP
    with pytest.raises(InvalidEventError) as refused:
        item_of(msgspec.json.encode(body))
    assert refused.value.field == field
    # out of Kafka: for the DLQ
    key = body["item_id"].encode()
    source = Source("items", partition_of(body["item_id"], 6), 0, key, msgspec.json.encode(body), [])
    assert decide(source, 6) == Dead(refused.value.reason)


def test_what_films_really_hold_is_taken() -> None:
    film = Item(
        "my:1 of 2",
        "\u201cAm\u00e9lie\u201d \u2013 \u0645\u0631\u062d \U0001f468\u200d\U0001f467",
        2001,
        ("Film-Noir", "(no genres listed)"),
        "First line.\r\nSecond line.\n\tThird.",
        directors=("Jean-Pierre Jeunet",),
        poster_url="HTTPS://images.example/a%20b/\u00e9.jpg?w=1&h=2",
        poster_sha256="0" * 64,
    )
    assert check_item(film) is film
    source = Source("items", partition_of(film.item_id, 6), 0, film.item_id.encode(), encode(film), [])
    assert decide(source, 6) == Encode(film)


def test_an_import_names_the_row_that_is_unsafe(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4,1\n")
    (tmp_path / "movies.csv").write_text(
        "movieId,title,genres\n1,Good (1999),Drama\n2,\x1b[31m (1999),Drama\n"
    )
    with pytest.raises(DataError, match=r"movies\.csv, row 2: title contains a control character"):
        list(load_items(tmp_path))
