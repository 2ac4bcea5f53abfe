"""The films of one space as a gateway holds them: vectors, titles, years, genres (DESIGN section 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from streaming.documents import VectorDocument
from streaming.gateway.films import Film, ItemFilter, passes
from streaming.gateway.genres import spelling
from streaming.gateway.ranking import likeness
from streaming.gateway.titles import TitleIndex
from streaming.gateway.traits import Codes, Traits
from streaming.milvus.seen import item_hash
from streaming.observability.logging import get_logger

_log = get_logger("gateway.catalogue")
Rows = npt.NDArray[np.intp]
Vectors = npt.NDArray[np.float32]

_FIRST = 1_024


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is held of n films: copies, one row each, and where each stood in the list asked for."""

    places: Rows
    vectors: Vectors
    lengths: npt.NDArray[np.float32]
    years: npt.NDArray[np.int32]
    genres: Codes


class MatrixBudget:
    """Bytes that the matrices of all spaces of a process may take together."""

    def __init__(self, megabytes: int) -> None:
        self._left = megabytes * 2**20
        self._lock = Lock()

    def take(self, count: int) -> bool:
        """Whether ``count`` more bytes (fewer where negative) fit; then they are counted."""
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True


class Catalogue:
    """Rows 0..n of float32 vectors with their films; one thread writes, any may read.

    Vectors are let go for good when the budget does not hold them: films stay, and Milvus alone searches.
    """

    def __init__(self, dim: int, budget: MatrixBudget) -> None:
        self.dim = dim
        self._budget = budget
        self._lock = Lock()
        self._held = 0
        self._matrix: Vectors | None = np.zeros((0, dim), dtype=np.float32)
        self._reset()

    def _reset(self) -> None:
        self._films: list[Film | None] = []
        self._traits = Traits()
        self._titles = TitleIndex()
        self._row_of: dict[str, int] = {}
        self._row_of_hash: dict[int, int] = {}
        self._free: list[int] = []
        self._genres: dict[str, set[int]] = {}
        self._version = 0
        self._matches: dict[ItemFilter, tuple[int, Rows]] = {}
        self._by_length: tuple[int, Rows] = (-1, np.zeros(0, dtype=np.intp))

    def __len__(self) -> int:
        return len(self._row_of)

    @property
    def holds_vectors(self) -> bool:
        """Whether exact search is possible here."""
        return self._matrix is not None

    # written by the thread that follows the vectors topic ---------------------------------------------

    def apply(self, changes: Iterable[tuple[str, VectorDocument | None]]) -> None:
        """Take items, or their removal, in the order of the topic; other dimensions are skipped."""
        with self._lock:
            for item_id, document in changes:
                if document is None:
                    self._remove(item_id)
                elif len(document.vector) == 4 * self.dim:
                    self._put(item_id, document)
            self._version += 1

    def clear(self) -> None:
        """Forget everything, before reading from the beginning again."""
        with self._lock:
            self._reset()

    def close(self) -> None:
        """Give the memory back to the budget."""
        with self._lock:
            self._drop_vectors()
            self._reset()

    def _put(self, item_id: str, document: VectorDocument) -> None:
        row = self._row_of.get(item_id)
        if row is None:
            row = self._free.pop() if self._free else len(self._films)
            if row == len(self._films):
                self._films.append(None)
            self._grow()
            self._row_of[item_id] = row
            self._row_of_hash[item_hash(item_id)] = row
        else:
            self._leave(row)
        film = Film(
            item_id, document.title, document.year, document.genres, document.poster, document.package
        )
        self._films[row] = film
        self._titles.put(row, film.title, film.year)
        vector = document.as_array()
        self._traits.put(row, film.year, float(np.linalg.norm(vector)), film.genres)
        for genre in film.genres:
            self._genres.setdefault(genre, set()).add(row)
        if self._matrix is not None:
            self._matrix[row] = vector

    def _remove(self, item_id: str) -> None:
        row = self._row_of.pop(item_id, None)
        if row is None:
            return
        del self._row_of_hash[item_hash(item_id)]
        self._leave(row)
        self._films[row] = None
        self._free.append(row)

    def _leave(self, row: int) -> None:
        """Take the film of a row out of everything that finds films by what they are."""
        film = self._films[row]
        if film is not None:
            self._titles.remove(row, film.title, film.year)
        for genre in film.genres if film else ():
            rows = self._genres[genre]
            rows.discard(row)
            if not rows:
                del self._genres[genre]

    def _grow(self) -> None:
        size = len(self._traits)
        if len(self._films) <= size:
            return
        more = max(_FIRST, size // 2)
        self._traits.grow(more)
        if self._matrix is None:
            return
        if len(self._matrix) >= len(self._traits):
            return
        more = len(self._traits) - len(self._matrix)
        if self._budget.take(more * self.dim * 4):
            self._held += more * self.dim * 4
            self._matrix = np.concatenate([self._matrix, np.zeros((more, self.dim), dtype=np.float32)])
        else:
            self._let_go()

    def _let_go(self) -> None:
        _log.warning("this space's vectors are not held: Milvus alone answers", films=len(self._row_of))
        self._drop_vectors()

    def _drop_vectors(self) -> None:
        self._budget.take(-self._held)
        self._held = 0
        self._matrix = None

    # read by lookups ----------------------------------------------------------------------------------

    def film(self, item_id: str) -> Film | None:
        """The film, or None if the space has no vector for it."""
        row = self._row_of.get(item_id)
        film = None if row is None else self._films[row]
        # read without the lock: the row may have been given to another film in between
        return film if film is not None and film.item_id == item_id else None

    def films_of_hashes(self, hashes: Iterable[int]) -> list[Film | None]:
        """The film behind each 64-bit hash of an item id, None for those the space does not have."""
        with self._lock:
            find = self._row_of_hash.get
            rows = [find(h) for h in hashes]
            return [None if row is None else self._films[row] for row in rows]

    def genre(self, asked: str) -> str | None:
        """``asked`` as the films spell it, whatever its case; None where no film has it."""
        # one look in a dictionary, without the lock, for who spells it as the films do
        return asked if asked in self._genres else spelling(asked, self.genres())

    def genres(self) -> dict[str, int]:
        """Every genre of any film, sorted -> how many films have it."""
        with self._lock:
            return {genre: len(rows) for genre, rows in sorted(self._genres.items())}

    def vector(self, item_id: str) -> Vectors | None:
        """A copy of an item's vector, (dim,) float32; None where it is not held."""
        with self._lock:
            row = self._row_of.get(item_id)
            if row is None or self._matrix is None:
                return None
            vector: Vectors = self._matrix[row].copy()
            return vector

    def vectors(self, item_ids: Sequence[str]) -> dict[str, Vectors]:
        """Copies of the vectors of those items that are held."""
        with self._lock:
            matrix = self._matrix
            if matrix is None:
                return {}
            return {i: matrix[row].copy() for i in item_ids if (row := self._row_of.get(i)) is not None}

    def gather(self, *lists: Sequence[str]) -> list[Gathered] | None:
        """What is held of the films of each list, all as of one moment; None where vectors are not held."""
        with self._lock:
            if self._matrix is None:
                return None
            found = []
            for item_ids in lists:
                rows = np.array([self._row_of.get(i, -1) for i in item_ids], dtype=np.intp)
                places = np.flatnonzero(rows >= 0)
                rows = rows[places]
                traits = self._traits
                found.append(
                    Gathered(
                        places,
                        self._matrix[rows],
                        traits.lengths[rows],
                        traits.years[rows],
                        traits.codes(rows),
                    )
                )
            return found

    def genre_odds(self, likes: Mapping[str, int]) -> tuple[npt.NDArray[np.float32], float]:
        """The share of each genre code among all films, weighted by likes, and the mean likes of a film."""
        with self._lock:
            known = [(row, n) for i, n in likes.items() if (row := self._row_of.get(i)) is not None]
            rows = np.array([row for row, _ in known], dtype=np.intp)
            counts = np.array([n for _, n in known], dtype=np.int64)
            return self._traits.genre_odds(rows, counts), float(counts.sum()) / max(len(self._row_of), 1)

    def count(self, wanted: ItemFilter) -> int:
        """How many films pass."""
        with self._lock:
            return len(self._row_of) if not wanted else len(self._matching(wanted))

    def passing(self, wanted: ItemFilter, item_ids: Iterable[str]) -> list[Film]:
        """Those of ``item_ids`` that the space has and that pass, in the order given."""
        films = []
        for item_id in item_ids:
            film = self.film(item_id)
            if film is not None and passes(film, wanted):
                films.append(film)
        return films

    def longest(self, wanted: ItemFilter, hidden: frozenset[str] | set[str], k: int) -> list[Film]:
        """``k`` films that pass, longest vectors first: those that the encoder finds broadly appealing."""
        with self._lock:
            version, order = self._by_length
            if version != self._version:
                rows = np.fromiter(self._row_of.values(), dtype=np.intp, count=len(self._row_of))
                if self._matrix is not None:
                    rows = rows[np.argsort(-np.linalg.norm(self._matrix[rows], axis=1), kind="stable")]
                order = rows
                self._by_length = (self._version, order)
            films: list[Film] = []
            for row in order:
                film = self._films[row]
                if film is not None and film.item_id not in hidden and passes(film, wanted):
                    films.append(film)
                    if len(films) == k:
                        break
            return films

    def search(
        self, vector: Vectors, k: int, wanted: ItemFilter, hidden: frozenset[str] | set[str]
    ) -> list[tuple[str, float]]:
        """Exact: the ``k`` films of largest inner product that pass and are not hidden, best first.

        Raises:
            RuntimeError: where vectors are not held.
        """
        with self._lock:
            if self._matrix is None:
                raise RuntimeError("this catalogue holds no vectors")
            rows = self._rows(wanted)
            if hidden:
                gone = [self._row_of[i] for i in hidden if i in self._row_of]
                rows = rows[~np.isin(rows, np.array(gone, dtype=np.intp))] if gone else rows
            return self._best(rows, self._products(self._matrix, rows, vector), k)

    def alike(self, vector: Vectors, k: int, wanted: ItemFilter) -> list[tuple[str, float]] | None:
        """Exact: the ``k`` films that pass and are most like ``vector``; None where vectors are not held."""
        with self._lock:
            if self._matrix is None:
                return None
            rows = self._rows(wanted)
            products = self._products(self._matrix, rows, vector)
            lengths = self._traits.lengths[rows]
            return self._best(rows, likeness(products, lengths, float(np.linalg.norm(vector))), k)

    def titled(self, text: str, wanted: ItemFilter) -> dict[str, int]:
        """Films that pass whose titles hold every word of ``text`` -> how many other words they have."""
        with self._lock:
            found = [(self._films[row], more) for row, more in self._titles.find(text).items()]
            return {film.item_id: more for film, more in found if film is not None and passes(film, wanted)}

    def _rows(self, wanted: ItemFilter) -> Rows:
        if wanted:
            return self._matching(wanted)
        return np.fromiter(self._row_of.values(), dtype=np.intp, count=len(self._row_of))

    def _products(self, matrix: Vectors, rows: Rows, vector: Vectors) -> Vectors:
        if len(rows) * 2 < len(self._films):
            return matrix[rows] @ vector
        products: Vectors = (matrix @ vector)[rows]
        return products

    def _best(self, rows: Rows, scores: npt.NDArray[Any], k: int) -> list[tuple[str, float]]:
        k = min(k, len(rows))
        if not k:
            return []
        best = np.argpartition(-scores, k - 1)[:k]
        best = best[np.argsort(-scores[best], kind="stable")]
        found = ((self._films[rows[i]], float(scores[i])) for i in best)
        return [(film.item_id, score) for film, score in found if film is not None]

    def _matching(self, wanted: ItemFilter) -> Rows:
        cached = self._matches.get(wanted)
        if cached is not None and cached[0] == self._version:
            return cached[1]
        candidates: Iterable[int] = self._row_of.values()
        if wanted.genre is not None:
            candidates = self._genres.get(wanted.genre, ())
        rows = np.fromiter(candidates, dtype=np.intp)
        if wanted.year_from is not None or wanted.year_to is not None:
            years = self._traits.years[rows]
            keep = years > 0
            if wanted.year_from is not None:
                keep &= years >= wanted.year_from
            if wanted.year_to is not None:
                keep &= years <= wanted.year_to
            rows = rows[keep]
        if len(self._matches) >= 256:
            self._matches.clear()
        self._matches[wanted] = (self._version, rows)
        return rows
