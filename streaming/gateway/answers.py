"""What lookups answer: the JSON of each, as types. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

Source = Literal["profile", "popular"]


class Reason(msgspec.Struct, frozen=True):
    """A film that the user likes, and its share of the score."""

    item_id: str
    title: str
    share: float


class Recommended(msgspec.Struct, frozen=True, omit_defaults=True):
    """One recommended film. ``score`` is its inner product with the profile, or decayed likes."""

    item_id: str
    title: str
    score: float
    year: int | None = None
    genres: tuple[str, ...] = ()
    poster: str = ""
    reasons: tuple[Reason, ...] | None = None
    rest: float | None = None
    """The share of all films that ``reasons`` does not name; together they make the score."""


class Recommendations(msgspec.Struct, frozen=True):
    """The answer to one lookup. ``revision`` is the user document that it goes by, null without one.

    ``reranked`` says that the package's re-ranker put the films in order; ``score`` stays the first stage's.
    """

    recommendation_id: str
    user_id: str
    space: str
    package: str
    source: Source
    revision: int | None
    items: tuple[Recommended, ...]
    reranked: bool = False


class Similar(msgspec.Struct, frozen=True):
    """Films of largest inner product with ``item_id``."""

    item_id: str
    space: str
    items: tuple[Recommended, ...]


class Found(msgspec.Struct, frozen=True):
    """What fits a search best, in the champion's space.

    ``titled`` is how many of the first films hold every word of the text in their titles; the others follow
    by ``score``, the likeness to what was asked for, which compares films of one answer.
    ``poster_passed_over`` where a poster came beside the text and the space's encoder reads none.
    """

    space: str
    titled: int
    items: tuple[Recommended, ...]
    poster_passed_over: bool = False


class Served(msgspec.Struct, frozen=True):
    """A record of ``served.v1``: what was answered to whom (hashed)."""

    recommendation_id: str
    user: str
    space: str
    source: Source
    items: tuple[str, ...]
    at_ms: int
    reranked: bool = False


encode = msgspec.json.Encoder().encode
