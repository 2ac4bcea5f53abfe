"""What the item check takes for a film, a reason and a difference."""

from __future__ import annotations

import dataclasses

import numpy as np

from deploy.checks.findings import ItemFindings
from deploy.checks.items import Films, row_differs
from deploy.checks.reading import Record
from deploy.cli.items import still_indexing
from streaming.documents import VectorDocument
from streaming.events import Item, encode
from streaming.milvus.rows import ItemRow
from streaming.partition import partition_of

PART = partition_of("x", 6)


def record(offset: int, value: bytes | None, partition: int = PART, key: bytes = b"x") -> Record:
    """A record of items.v1."""
    return Record("items", partition, offset, 0, key, value, [])


def test_the_newest_valid_version_counts_and_a_refused_one_leaves_it() -> None:
    films = Films(6)
    films.take(record(1, encode(Item("x", "X"))))
    films.take(record(2, b"{"))
    assert (films.found["x"].offset, films.found["x"].valid) == (1, True)
    films.take(record(3, None))
    assert films.found == {}
    films.take(record(4, b"{"))
    assert not films.found["x"].valid


def test_a_misplaced_film_does_not_count_and_the_value_says_which_film_it_is() -> None:
    films = Films(6)
    films.take(record(1, encode(Item("x", "X")), partition=(PART + 1) % 6))
    assert films.found == {}
    films.take(record(1, encode(Item("x", "X")), key=b"another"))
    assert set(films.found) == {"x"}


def test_a_dead_letter_explains_the_position_it_names() -> None:
    films = Films(6)
    films.explain(record(0, b"{")._replace(headers=[("dlq-partition", b"3"), ("dlq-offset", b"17")]))
    assert films.explained == {(3, 17)}


def test_a_film_that_the_indexer_has_not_come_to_is_queued_not_lost() -> None:
    """Right after a bulk of films none of them has a vector, and nothing is wrong."""
    films = Films(1)
    for offset, name in enumerate(("a", "b", "c", "d")):
        films.take(record(offset, encode(Item(name, name)), 0, name.encode()))
    films.explain(record(0, b"")._replace(headers=[("dlq-partition", b"0"), ("dlq-offset", b"1")]))
    lacking = films.without_vector({"a": 0})
    assert lacking == ["c", "d"]
    assert films.queued(lacking, {0: 3}) == ["d"]
    assert films.queued(lacking, {0: 4}) == []
    assert films.queued(lacking, {}) == ["c", "d"], "an indexer that never began"


def test_what_is_queued_is_said_apart() -> None:
    found = ItemFindings("s", items=3, without_vector=["a", "b"])
    assert still_indexing(found) is None
    found.queued = ["b"]
    assert "s is still indexing: 1 film behind" in (still_indexing(found) or "")
    assert not found.clean, "nobody knows yet whether they get vectors"


def test_each_difference_of_a_row_is_seen() -> None:
    vector = np.array([1.0, 2.0], np.float32)
    document = VectorDocument(1, vector.tobytes(), "X", 1999, ("Drama",), "", "p@1")
    row = ItemRow("x", vector, "X", 1999, ("Drama",), "", revision=5, part=2, digest=0)
    assert not row_differs(row, document, 5, 2)
    for change in (
        {"vector": vector + 1},
        {"title": "Y"},
        {"year": None},
        {"genres": ()},
        {"revision": 4},
        {"part": 1},
    ):
        assert row_differs(dataclasses.replace(row, **change), document, 5, 2), change
