"""How well searches find the film that is meant. Pure.

Judged by known items: the end of a film's text, which its encoder does not read, is to find the film.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from handlers.items import EncodeItem
from streaming.gateway.titles import words
from trainer.evaluation.ranking import RankingScores, rank

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Ask = Callable[[Sequence[EncodeItem]], Float32]
"""What the encoder answers, [n, dim]."""

FOUND, AS_FILMS = "search_ndcg@10", "search_ndcg@10_as_films"
QUERIES = 400
LEAST_WORDS = 20
MOST_WORDS = 60
LEAST_RATINGS = 10
"""Of a film that is to be found: of others its vector says little."""
LEAST_QUERIES = 20
"""Fewer judge nothing."""


def evenly(count: int, most: int) -> list[int]:
    """Up to ``most`` places of ``count``, evenly from the first to the last."""
    return [i * count // most for i in range(most)] if count > most else list(range(count))


@dataclass(frozen=True)
class KnownItems:
    """Queries, and the place of the film that each means."""

    queries: list[EncodeItem]
    films: Int64

    def relevant(self, items: int) -> sp.csr_matrix:
        """[queries, items]: one film each."""
        count = len(self.queries)
        return sp.csr_matrix((np.ones(count), (np.arange(count), self.films)), shape=(count, items))


def known_items(films: Sequence[EncodeItem], counts: Int64, read: int) -> KnownItems:
    """Up to :data:`QUERIES` ends of texts, of films with enough ``counts``; an encoder reads ``read`` tokens.

    A word is a token at least, so what is behind as many words is not read. Words of titles are left out.
    """
    found = []
    for i in np.flatnonzero(counts >= LEAST_RATINGS).tolist():
        titled = words(films[i].title)
        end = [word for word in films[i].text.split()[read:] if not words(word) & titled][:MOST_WORDS]
        if len(end) >= LEAST_WORDS:
            found.append((i, " ".join(end)))
    found = [found[i] for i in evenly(len(found), QUERIES)]
    queries = [EncodeItem(title="", text=end, query=True) for _, end in found]
    return KnownItems(queries, np.array([i for i, _ in found], dtype=np.int64))


def search_scores(queries: Float32, vectors: Float32, relevant: sp.csr_matrix) -> RankingScores:
    """How ``queries`` [q, dim] find ``relevant`` [q, items] among ``vectors`` [items, dim].

    As gateways rank films whose titles do not hold the words: <q, v> / (|q| sqrt |v|).
    """
    found = vectors.astype(np.float64)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    found = np.divide(found, np.sqrt(lengths), where=lengths > 0, out=np.zeros_like(found))
    return rank(queries.astype(np.float64), found, sp.csr_matrix(relevant.shape), relevant)


def search_figures(
    films: Sequence[EncodeItem], vectors: Float32, counts: Int64, read: int, ask: Ask
) -> dict[str, float]:
    """NDCG@10 of known items, asked as queries and as films; ``vectors`` [items, dim] are of ``films``.

    Nothing where there are too few texts to judge by.
    """
    items = known_items(films, counts, read)
    if len(items.queries) < LEAST_QUERIES:
        return {}
    relevant = items.relevant(len(films))
    as_films = [msgspec.structs.replace(query, query=False) for query in items.queries]
    # at once: who asks may load a model first
    both = ask([*items.queries, *as_films])
    asked = {FOUND: both[: len(as_films)], AS_FILMS: both[len(as_films) :]}
    return {
        name: float(search_scores(queries, vectors, relevant).ndcg.mean()) for name, queries in asked.items()
    }
