"""The films of a space: filters, exact search, rows that are used again, and a budget that is kept."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.documents import VectorDocument
from streaming.gateway.catalogue import Catalogue, MatrixBudget
from streaming.gateway.films import EVERYTHING, ItemFilter, passes
from streaming.milvus.seen import item_hash

DIM = 3
GENRES = ("a", "b", "c")
FILTERS = st.builds(
    ItemFilter,
    st.none() | st.sampled_from(GENRES),
    st.none() | st.integers(1998, 2004),
    st.none() | st.integers(1998, 2004),
)
DOCUMENTS = st.builds(
    lambda v, year, genres: VectorDocument(
        1, np.array(v, dtype="<f4").tobytes(), "t", year, tuple(sorted(genres)), "", "p@1"
    ),
    st.lists(st.integers(-9, 9), min_size=DIM, max_size=DIM),
    st.none() | st.integers(1999, 2003),
    st.sets(st.sampled_from(GENRES)),
)
CHANGES = st.lists(
    st.tuples(st.sampled_from([f"i{n}" for n in range(8)]), st.none() | DOCUMENTS), max_size=40
)


@given(changes=CHANGES, wanted=FILTERS, hidden=st.sets(st.sampled_from(["i0", "i1", "i9"])))
def test_after_any_changes_it_answers_as_a_dictionary_would(
    changes: list[tuple[str, VectorDocument | None]], wanted: ItemFilter, hidden: set[str]
) -> None:
    catalogue, truth = Catalogue(DIM, MatrixBudget(1)), {}
    for item_id, document in changes:
        catalogue.apply([(item_id, document)])
        truth[item_id] = document
    there = {i: d for i, d in truth.items() if d is not None}
    assert len(catalogue) == len(there)
    counts = Counter(g for d in there.values() for g in d.genres)
    assert list(catalogue.genres().items()) == sorted(counts.items())
    assert [catalogue.genre(g.upper()) for g in GENRES] == [g if g in counts else None for g in GENRES]

    def fits(d: VectorDocument) -> bool:
        if wanted.genre is not None and wanted.genre not in d.genres:
            return False
        if wanted.year_from is None and wanted.year_to is None:
            return True
        return d.year is not None and (wanted.year_from or 0) <= d.year <= (wanted.year_to or 9_999)

    query = np.array([1, 2, -1], dtype=np.float32)
    scores = {i: float(d.as_array() @ query) for i, d in there.items() if fits(d) and i not in hidden}
    found = catalogue.search(query, 100, wanted, hidden)
    assert dict(found) == pytest.approx(scores)
    assert [s for _, s in found] == sorted(scores.values(), reverse=True)
    assert [s for _, s in catalogue.search(query, 2, wanted, hidden)] == [s for _, s in found][:2]
    assert catalogue.count(wanted) == sum(map(fits, there.values()))
    assert {f.item_id for f in catalogue.longest(wanted, hidden, 100)} == set(scores)
    hashes = [item_hash(f"i{n}") for n in range(8)]
    films = catalogue.films_of_hashes(hashes)
    assert {f.item_id for f in films if f} == set(there)
    for item_id, document in there.items():
        film = catalogue.film(item_id)
        assert film is not None
        assert (film.year, film.genres) == (document.year, document.genres)
        assert passes(film, wanted) == fits(document)
        assert np.array_equal(catalogue.vectors([item_id])[item_id], document.as_array())


def _document(vector: list[float]) -> VectorDocument:
    return VectorDocument(1, np.array(vector, dtype="<f4").tobytes(), "t", None, (), "", "p@1")


def test_vectors_are_let_go_where_the_budget_does_not_hold_them() -> None:
    budget = MatrixBudget(1)
    large = Catalogue(200, budget)
    large.apply([("i", _document([1.0] * 200))])
    assert large.holds_vectors
    large.apply([(f"i{n}", _document([1.0] * 200)) for n in range(1_500)])
    assert not large.holds_vectors
    assert (len(large), large.vector("i"), large.vectors(["i"])) == (1_501, None, {})
    with pytest.raises(RuntimeError):
        large.search(np.ones(200, np.float32), 1, EVERYTHING, set())
    # what it held is free for others
    other = Catalogue(200, budget)
    other.apply([("i", _document([1.0] * 200))])
    assert other.holds_vectors


def test_a_vector_of_another_dimension_is_passed_over() -> None:
    catalogue = Catalogue(DIM, MatrixBudget(1))
    catalogue.apply([("i", _document([1.0]))])
    assert len(catalogue) == 0
