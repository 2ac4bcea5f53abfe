"""How well searches find: films are to be found by the part of their text that is not read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from handlers.items import EncodeItem
from trainer.space.searching import AS_FILMS, FOUND, LEAST_QUERIES, evenly, known_items, search_figures

DIM, READ = 12, 6
FILLER = "so it goes on and on for a long while until at last the end of it all comes near again"


def films(count: int) -> list[EncodeItem]:
    """Of each ``DIM - 1`` topics in turn; its word stands in what is read and in what is not."""
    topics = [f"topic{i % (DIM - 1)}" for i in range(count)]
    return [
        EncodeItem(title=f"F{i}", text=f"{t} one two three four five {t} {FILLER} {t} F{i}", genres=("x",))
        for i, t in enumerate(topics)
    ]


def test_queries_are_ends_that_are_not_read_without_the_title() -> None:
    made = films(30)
    found = known_items(made, np.full(30, 10), READ)
    assert len(found.queries) == 30
    assert found.films.tolist() == list(range(30))
    assert found.queries[3].query
    assert found.queries[3].text.split()[0] == "topic3"
    assert "F3" not in found.queries[3].text.split()
    assert not known_items(made, np.full(30, 9), READ).queries, "of films that few have rated"
    assert not known_items(made, np.full(30, 10), 30).queries, "all of it is read"
    relevant = found.relevant(30).toarray()
    assert (relevant == np.eye(30)).all()


def says(items: Sequence[EncodeItem]) -> npt.NDArray[np.float32]:
    """The topic of its text; of what is no query and has no genres, mostly that."""
    out = np.zeros((len(items), DIM), dtype=np.float32)
    for row, item in zip(out, items, strict=True):
        for i in range(DIM - 1):
            row[i] = f"topic{i}" in item.text.split()
        row[-1] = 0.0 if item.genres or item.query else 5.0
    return out


def test_queries_and_films_are_told_apart() -> None:
    made = [*films(60), *(EncodeItem(title=f"bare {i}") for i in range(20))]
    found = search_figures(made, says(made), np.full(80, 10), READ, says)
    assert found[AS_FILMS] < 0.1, "bare films are the answer to everything"
    assert found[FOUND] > 0.5


def test_without_texts_there_is_nothing_to_judge_by() -> None:
    made = films(LEAST_QUERIES - 1)
    assert search_figures(made, says(made), np.full(len(made), 10), READ, says) == {}


def test_films_are_taken_evenly() -> None:
    assert evenly(3, 5) == [0, 1, 2]
    assert evenly(10, 4) == [0, 2, 5, 7]
