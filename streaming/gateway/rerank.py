"""Re-ranking in one space: what the first stage found, in the order of the package's own re-ranker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streaming.control.documents import Policy
from streaming.gateway.catalogue import Catalogue, Gathered
from streaming.gateway.popular import PopularCounts
from streaming.gateway.rerank_features import CANDIDATES, Films, Float32, features
from streaming.gateway.rerank_model import OnnxReranker
from streaming.gateway.traits import shares_of
from streaming.milvus.seen import DISLIKED, LIKED, NEUTRAL

Scored = list[tuple[str, float]]

ODDS_S = 10.0
"""How long the catalogue's means (likes of a film, likes of a genre) serve before they are made again."""


def misfit(model: OnnxReranker, policy: Policy) -> str | None:
    """Why a re-ranker must not serve a space of this policy, or None: its gate measured another one."""
    if policy.name != "mean" or policy.half_life_days:
        return f"its gate measured profiles of the policy mean, not {policy.label}"
    trained = model.notes.get("like_threshold", policy.like_threshold)
    if trained != policy.like_threshold:
        return f"it learnt from likes of {trained} and more; here {policy.like_threshold} is a like"
    return None


@dataclass(frozen=True)
class _Odds:
    genres: Float32
    log_mean_likes: float
    made: float


class SpaceReranker:
    """One space's re-ranker, over what the gateway holds of the space; threads may share it."""

    def __init__(
        self,
        model: OnnxReranker,
        catalogue: Catalogue,
        popular: PopularCounts,
        threshold: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model, self._catalogue, self._popular = model, catalogue, popular
        self._threshold, self._clock = threshold, clock
        self._making = threading.Lock()
        self._odds: _Odds | None = None

    def rerank(self, scored: Scored, rated: Sequence[str], classes: npt.NDArray[np.uint8]) -> Scored | None:
        """The first :data:`CANDIDATES` of ``scored`` by the re-ranker, then the rest as it was.

        Each keeps its first-stage score. Films that the catalogue has just lost are left out.

        Args:
            scored: the first stage's answer, best first.
            rated: ids of the films that the user rated and the space has, ``classes`` (n,) alike.

        Returns:
            None where the gateway holds no vectors, or the model gives no finite score.
        """
        found = self.features(scored, rated, classes)
        if found is None:
            return None
        kept, columns = found
        if not len(kept):
            return scored
        scores = self._model.score(columns)
        if scores.shape != (len(kept),) or not np.isfinite(scores).all():
            return None
        order = np.argsort(-scores, kind="stable")
        return [scored[kept[i]] for i in order] + scored[CANDIDATES:]

    def features(
        self, scored: Scored, rated: Sequence[str], classes: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.intp], Float32] | None:
        """Places in ``scored`` of the candidates that are held, and their features, a row each."""
        ids = [item_id for item_id, _ in scored[:CANDIDATES]]
        by_class = [
            [rated[i] for i in np.flatnonzero(classes == code).tolist()]
            for code in (LIKED, NEUTRAL, DISLIKED)
        ]
        parts = self._catalogue.gather(ids, *by_class)
        if parts is None:
            return None
        places = parts[0].places
        if not len(places):
            return places, np.zeros((0, 0), dtype=np.float32)
        odds = self._current_odds()
        likes = self._popular.likes_of(self._threshold, [ids[i] for i in places])
        popularity = (np.log1p(np.array(likes, dtype=np.float64)) - odds.log_mean_likes).astype(np.float32)
        shares, picked = shares_of([part.genres for part in parts], odds.genres)
        candidates, liked, neutral, disliked = map(_films, parts, shares)
        return places, features(candidates, popularity, liked, neutral, disliked, picked)

    def _current_odds(self) -> _Odds:
        odds = self._odds
        if odds is not None and self._clock() - odds.made < ODDS_S:
            return odds
        # others go on with the former ones meanwhile; only the very first are waited for
        if self._making.acquire(blocking=odds is None):
            try:
                if self._odds is odds:
                    genres, mean = self._catalogue.genre_odds(self._popular.all_likes(self._threshold))
                    self._odds = _Odds(genres, float(np.log1p(mean)), self._clock())
            finally:
                self._making.release()
        made = self._odds
        assert made is not None
        return made


def _films(part: Gathered, shares: Float32) -> Films:
    return Films(part.vectors, part.lengths, shares, part.years.astype(np.float32))
