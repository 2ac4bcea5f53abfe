"""Lookups in one space: user row, search, drop what was seen, diversify, reasons (DESIGN section 8)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from streaming.control.documents import SpaceDocument
from streaming.gateway import figures
from streaming.gateway.answers import Found, Reason, Recommendations, Recommended, Similar, Source
from streaming.gateway.catalogue import Catalogue, Vectors
from streaming.gateway.exceptions import BadRequestError, NotReadyError, UnknownItemError
from streaming.gateway.films import EVERYTHING, Film, ItemFilter
from streaming.gateway.genres import unknown_genre
from streaming.gateway.query import Query, SearchQuery
from streaming.gateway.ranking import explain, likeness, mmr
from streaming.gateway.rerank import Scored, SpaceReranker
from streaming.gateway.rerank_features import CANDIDATES
from streaming.gateway.state import GatewayState
from streaming.milvus.filters import item_filter
from streaming.milvus.limits import MAX_RESULT
from streaming.milvus.rows import UserRow
from streaming.milvus.seen import decode_seen, item_hash
from streaming.observability.logging import get_logger
from streaming.space.profile import class_weights

_log = get_logger("gateway.lookup")

POOL = 5
"""Diversity chooses among this many times k candidates (and at least :data:`POOL_LEAST`)."""
POOL_LEAST = 50


@dataclass(frozen=True)
class _Rated:
    """What the user rated, as far as the space has it: films, and the class of each."""

    films: list[Film]
    classes: npt.NDArray[np.uint8]
    hashes: frozenset[int]
    """Of everything rated, whether the space has it or not."""

    @property
    def ids(self) -> set[str]:
        return {film.item_id for film in self.films}


class Lookup:
    """Answers lookups from a gateway's state; every method blocks, threads may share it.

    Methods raise UnavailableError where Milvus does not answer or the gateway has not loaded.
    """

    def __init__(self, state: GatewayState) -> None:
        self._state = state
        self._settings = state.settings.gateway

    def recommend(self, space: SpaceDocument, user_id: str, query: Query) -> Recommendations:
        """What ``space`` says this user should see next: ``query.k`` films whenever so many exist.

        Raises:
            BadRequestError: if no film of the space has the genre asked for.
        """
        catalogue = self._catalogue(space)
        query = replace(query, wanted=_spelled(catalogue, query.wanted))
        row = self._state.store.user_of(space, user_id)
        rated = _rated(catalogue, row)
        hidden = rated.ids | query.exclude | self._state.acknowledged.items(user_id)
        source: Source = "popular"
        reranked = False
        if row is not None and row.vector.any():
            source = "profile"
            items, reranked = self._from_profile(space, catalogue, query, row, rated, hidden)
        else:
            items = self._popular(space, catalogue, query, hidden)
        return Recommendations(
            recommendation_id=uuid.uuid4().hex,
            user_id=user_id,
            space=space.space,
            package=space.package,
            source=source,
            revision=None if row is None else row.revision,
            # a rated film may have got its vector just now, after ``hidden`` was made
            items=tuple(item for item in items if item_hash(item.item_id) not in rated.hashes),
            reranked=reranked,
        )

    def similar(self, space: SpaceDocument, item_id: str, k: int) -> Similar:
        """The ``k`` films of largest inner product with this one, itself left out.

        Raises:
            UnknownItemError: if the space has no vector for it.
        """
        catalogue = self._catalogue(space)
        vector = self._vectors(space, catalogue, [item_id]).get(item_id)
        if vector is None:
            if self._state.items.place(item_id) is not None:
                raise UnknownItemError(
                    f"film {item_id!r} is known and not indexed yet: it has no vector in {space.space}. Try "
                    "again in a while; where it stays so, its record may be in the DLQ of its topic"
                )
            raise UnknownItemError(f"no film {item_id!r} is known: {space.space} has no vector for it")
        scored = self._search(space, catalogue, vector, k, EVERYTHING, {item_id})
        return Similar(item_id, space.space, tuple(_recommended(catalogue, scored)))

    def spelled(self, space: SpaceDocument, wanted: ItemFilter) -> ItemFilter:
        """``wanted`` with its genre as the films of ``space`` spell it.

        Raises:
            BadRequestError: if no film of it has the genre.
        """
        return _spelled(self._catalogue(space), wanted)

    def genres(self, space: SpaceDocument) -> dict[str, int]:
        """Every genre of the films of ``space``, sorted -> how many have it."""
        return self._catalogue(space).genres()

    def find(self, space: SpaceDocument, vector: Vectors, query: SearchQuery) -> Found:
        """The ``query.k`` films that fit a search best: by title, then by likeness to ``vector``.

        Films whose titles hold every word of the text come first, those with the fewest other words before
        others; the rest follows by :func:`streaming.gateway.ranking.likeness`.
        """
        catalogue = self._catalogue(space)
        more = catalogue.titled(query.text, query.wanted)
        scores = self._likenesses(space, catalogue, vector, list(more)) if more else {}
        titled = sorted(scores, key=lambda item_id: (more[item_id], -scores[item_id]))[: query.k]
        alike = catalogue.alike(vector, query.k + len(titled), query.wanted)
        if alike is None:
            alike = self._alike_in_milvus(space, catalogue, vector, query)
        first = set(titled)
        scored = [(item_id, scores[item_id]) for item_id in titled]
        scored += [entry for entry in alike if entry[0] not in first]
        return Found(space.space, len(titled), tuple(_recommended(catalogue, scored[: query.k])))

    def _alike_in_milvus(
        self, space: SpaceDocument, catalogue: Catalogue, vector: Vectors, query: SearchQuery
    ) -> Scored:
        """Where the gateway holds no vectors: the best of a wider search by inner product."""
        wide = min(max(POOL * query.k, CANDIDATES), MAX_RESULT)
        found = self._search(space, catalogue, vector, wide, query.wanted, ())
        scores = self._likenesses(space, catalogue, vector, [item_id for item_id, _ in found])
        return sorted(scores.items(), key=lambda entry: -entry[1])

    def _likenesses(
        self, space: SpaceDocument, catalogue: Catalogue, vector: Vectors, item_ids: Sequence[str]
    ) -> dict[str, float]:
        vectors = self._vectors(space, catalogue, item_ids)
        if not vectors:
            return {}
        matrix = np.stack(list(vectors.values()))
        lengths = np.linalg.norm(matrix, axis=1)
        scores = likeness(matrix @ vector, lengths, float(np.linalg.norm(vector)))
        return dict(zip(vectors, scores.tolist(), strict=True))

    def _catalogue(self, space: SpaceDocument) -> Catalogue:
        view = self._state.view(space.space)
        if view is None or not view.loaded:
            raise NotReadyError(f"the films of {space.space} are being loaded")
        return view.catalogue

    def _from_profile(
        self,
        space: SpaceDocument,
        catalogue: Catalogue,
        query: Query,
        row: UserRow,
        rated: _Rated,
        hidden: set[str] | frozenset[str],
    ) -> tuple[list[Recommended], bool]:
        """The films, and whether they are re-ranked."""
        k = query.k
        pool = max(POOL * k, POOL_LEAST) if query.diversity > 0 else k
        reranker = self._reranker(space, catalogue)
        wide = pool if reranker is None else max(pool, CANDIDATES)
        scored = self._search(space, catalogue, row.vector, wide, query.wanted, hidden)
        relevance = [score for _, score in scored]
        ordered = None if reranker is None else _reranked(space, reranker, scored, rated)
        scored = (scored if ordered is None else ordered)[:pool]
        if query.diversity > 0:
            scored = self._diversified(space, catalogue, scored, relevance, k, query.diversity)
        items = _recommended(catalogue, scored[:k])
        if query.explain:
            items = self._explained(space, catalogue, rated, items)
        return items, ordered is not None

    def _reranker(self, space: SpaceDocument, catalogue: Catalogue) -> SpaceReranker | None:
        view = self._state.view(space.space)
        # without vectors here there are no features
        return view.reranker.current() if view is not None and catalogue.holds_vectors else None

    def _search(
        self,
        space: SpaceDocument,
        catalogue: Catalogue,
        vector: Vectors,
        k: int,
        wanted: ItemFilter,
        hidden: Collection[str],
    ) -> Scored:
        """The ``k`` best that pass and are not hidden, by Milvus, or exactly where that is the wrong tool."""
        hidden = frozenset(hidden)
        limit = k + len(hidden)
        if catalogue.holds_vectors:
            few = bool(wanted) and catalogue.count(wanted) <= self._settings.exact_filtered
            if few or limit > self._settings.exact_above:
                return catalogue.search(vector, k, wanted, hidden)
        expression = item_filter(wanted.genre, wanted.year_from, wanted.year_to)
        limit = min(limit, MAX_RESULT)
        while True:
            hits = self._state.store.search_items(
                space.items_collection, vector, limit, filter=expression, output_fields=()
            )
            # a film that the topic has removed may linger in Milvus for a moment
            found = [
                (hit.item_id, hit.score)
                for hit in hits
                if hit.item_id not in hidden and catalogue.film(hit.item_id) is not None
            ]
            if len(found) >= k or len(found) + len(hidden) >= len(catalogue):
                return found[:k]
            # fewer than exist: an approximate search may miss some, and a filter leaves an unknown number
            if catalogue.holds_vectors:
                return catalogue.search(vector, k, wanted, hidden)
            if limit >= min(MAX_RESULT, len(catalogue)):
                return found
            limit = min(2 * limit, MAX_RESULT)

    def _diversified(
        self,
        space: SpaceDocument,
        catalogue: Catalogue,
        scored: Scored,
        relevance: Sequence[float],
        k: int,
        diversity: float,
    ) -> Scored:
        """``k`` of ``scored``; what stands first counts the largest of ``relevance`` (falling), and so on.

        After a re-ranker these are not its own score: its order says which film, the first stage's
        scores say by how much.
        """
        vectors = self._vectors(space, catalogue, [item_id for item_id, _ in scored])
        scored = [entry for entry in scored if entry[0] in vectors]
        if not scored:
            return []
        scores = np.array(relevance[: len(scored)], dtype=np.float64)
        matrix = np.stack([vectors[item_id] for item_id, _ in scored])
        return [scored[i] for i in mmr(scores, matrix, k, diversity)]

    def _explained(
        self, space: SpaceDocument, catalogue: Catalogue, rated: _Rated, items: list[Recommended]
    ) -> list[Recommended]:
        if space.policy.half_life_days:
            # rows hold classes and no times: shares that do not add up are worse than none
            return items
        weights = class_weights(space.policy)[rated.classes].astype(np.float64)
        counting = np.flatnonzero(weights)
        films = [rated.films[i] for i in counting]
        vectors = self._vectors(space, catalogue, [f.item_id for f in films] + [i.item_id for i in items])
        known = [
            (film, weights[i]) for film, i in zip(films, counting, strict=True) if film.item_id in vectors
        ]
        explained = [item for item in items if item.item_id in vectors]
        if not known or not explained:
            return items
        reasons = explain(
            np.array([weight for _, weight in known]),
            np.stack([vectors[film.item_id] for film, _ in known]),
            np.stack([vectors[item.item_id] for item in explained]),
        )
        because = {
            item.item_id: (
                tuple(Reason(known[i][0].item_id, known[i][0].title, share) for i, share in found.named),
                found.rest,
            )
            for item, found in zip(explained, reasons, strict=True)
        }
        nothing: tuple[tuple[Reason, ...] | None, float | None] = (None, None)
        return [
            Recommended(
                item.item_id,
                item.title,
                item.score,
                item.year,
                item.genres,
                item.poster,
                *because.get(item.item_id, nothing),
            )
            for item in items
        ]

    def _vectors(
        self, space: SpaceDocument, catalogue: Catalogue, item_ids: Sequence[str]
    ) -> dict[str, Vectors]:
        """Vectors from the matrix, or from Milvus where the gateway does not hold them."""
        if catalogue.holds_vectors:
            return catalogue.vectors(item_ids)
        rows = self._state.store.get_items(space.items_collection, item_ids)
        return {item_id: row.vector for item_id, row in rows.items()}

    def _popular(
        self, space: SpaceDocument, catalogue: Catalogue, query: Query, hidden: Collection[str]
    ) -> list[Recommended]:
        """Counted, decayed, then filtered, then cut; where that is too few, films that nobody liked yet."""
        chosen: Scored = []
        hidden = set(hidden)
        for item_id, likes in self._state.popular.ranked(space.policy.like_threshold):
            if item_id not in hidden and catalogue.passing(query.wanted, [item_id]):
                chosen.append((item_id, likes))
                if len(chosen) == query.k:
                    break
        hidden.update(item_id for item_id, _ in chosen)
        more = query.k - len(chosen)
        if more > 0:
            chosen += [(film.item_id, 0.0) for film in catalogue.longest(query.wanted, hidden, more)]
        return _recommended(catalogue, chosen)


def _spelled(catalogue: Catalogue, wanted: ItemFilter) -> ItemFilter:
    """Raises BadRequestError, naming genres that come near, if no film has the genre."""
    if wanted.genre is None:
        return wanted
    genre = catalogue.genre(wanted.genre)
    if genre is None:
        raise BadRequestError(unknown_genre(wanted.genre, catalogue.genres()), "genre")
    return replace(wanted, genre=genre)


def _reranked(space: SpaceDocument, reranker: SpaceReranker, scored: Scored, rated: _Rated) -> Scored | None:
    """``scored`` in the re-ranker's order; None where it could not, which is counted and costs no answer."""
    try:
        found = reranker.rerank(scored, [film.item_id for film in rated.films], rated.classes)
    except Exception as error:  # whatever a model does, the plain order is an answer
        _log.error("re-ranking failed: the plain order serves", space=space.space, error=repr(error))
        found = None
    if found is None:
        figures.not_reranked(space.space)
    return found


def _rated(catalogue: Catalogue, row: UserRow | None) -> _Rated:
    if row is None or not row.seen[0]:
        return _Rated([], np.zeros(0, dtype=np.uint8), frozenset())
    hashes, classes = decode_seen(row.seen)
    listed: list[int] = hashes.tolist()
    films = catalogue.films_of_hashes(listed)
    known = [i for i, film in enumerate(films) if film is not None]
    return _Rated([film for film in films if film is not None], classes[known], frozenset(listed))


def _recommended(catalogue: Catalogue, scored: Scored) -> list[Recommended]:
    found = ((catalogue.film(item_id), score) for item_id, score in scored)
    return [
        Recommended(film.item_id, film.title, score, film.year, film.genres, film.poster)
        for film, score in found
        if film is not None
    ]
