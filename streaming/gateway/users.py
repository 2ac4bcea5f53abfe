"""Everything about one user: the document from the ledger that owns it, and how fresh his row is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec
import numpy as np

from streaming.documents import Ratings
from streaming.exceptions import UnavailableError
from streaming.gateway.exceptions import UnknownUserError
from streaming.gateway.front import Front
from streaming.gateway.parse import encode_cursor
from streaming.gateway.state import GatewayState
from streaming.milvus.exceptions import CollectionMissingError
from streaming.milvus.seen import decode_seen, item_hash
from streaming.partition import partition_of
from streaming.space.profile import classes_of

_Titles = Callable[[str], str | None]


class UserRating(msgspec.Struct, frozen=True):
    """One current rating; ``title`` is null where the user's space does not have the film."""

    item_id: str
    title: str | None
    value: float
    event_time: datetime
    liked: bool


class Profile(msgspec.Struct, frozen=True):
    """The user's row in his space; ``fresh`` if it shows exactly the document's ratings."""

    space: str
    revision: int | None
    liked: int
    rated: int
    fresh: bool


class User(msgspec.Struct, frozen=True):
    """A user: counts of everything, one page of ratings (newest first), and the row.

    ``revision`` is the newest offset in ``users.v1`` that the ledger's answer contains.
    """

    user_id: str
    revision: int
    rated: int
    liked: int
    taken_back: int
    ratings: tuple[UserRating, ...]
    next_cursor: str | None
    profile: Profile | None


class _Document(msgspec.Struct, frozen=True):
    ratings: Ratings
    offset: int


class Users:
    """Answers what is known of a user; blocks, threads may share it."""

    def __init__(self, state: GatewayState, front: Front) -> None:
        self._state = state
        self._front = front

    def get(self, user_id: str, limit: int | None, after: tuple[int, str] | None) -> User:
        """The user, with at most ``limit`` ratings after the one that ``after`` names.

        Raises:
            UnknownUserError: if he has no document.
            UnavailableError: if no ledger answers for him.
        """
        partition = partition_of(user_id, self._state.settings.topics.ratings_partitions)
        reply = self._state.ledgers.call(partition, "GET", f"/users/{quote(user_id, safe='')}")
        if reply.status == 404:
            raise UnknownUserError(f"no user {user_id!r} has rated anything")
        document = msgspec.convert(reply.body, _Document)
        current = [(at, item, value) for item, (value, at) in document.ratings.items() if value is not None]
        current.sort(key=_newest_first)
        profile, threshold, titles = self._profile(user_id, current)
        page = (
            current if after is None else [entry for entry in current if _newest_first(entry) > _key(after)]
        )
        more = limit is not None and len(page) > limit
        page = page[:limit]
        return User(
            user_id=user_id,
            revision=document.offset,
            rated=len(current),
            liked=sum(value >= threshold for _, _, value in current),
            taken_back=len(document.ratings) - len(current),
            ratings=tuple(
                UserRating(
                    item,
                    titles(item),
                    value,
                    datetime.fromtimestamp(at / 1000, UTC),
                    value >= threshold,
                )
                for at, item, value in page
            ),
            next_cursor=encode_cursor(page[-1][0], page[-1][1]) if more else None,
            profile=profile,
        )

    def _profile(
        self, user_id: str, current: list[tuple[int, str, float]]
    ) -> tuple[Profile | None, float, _Titles]:
        """His row, the like threshold and titles of his space; without a row where Milvus is away."""
        try:
            space = self._front.space_of(user_id)
        except UnavailableError:
            return None, 4.0, _no_title
        threshold = space.policy.like_threshold
        view = self._state.view(space.space)

        def title(item_id: str) -> str | None:
            film = view.catalogue.film(item_id) if view is not None else None
            return None if film is None else film.title

        try:
            row = self._state.store.user_of(space, user_id)
        except (UnavailableError, CollectionMissingError):
            return None, threshold, title
        if row is None:
            return Profile(space.space, None, 0, 0, False), threshold, title
        values = np.array([value for _, _, value in current], dtype=np.float64)
        want = {
            item_hash(item): kind
            for (_, item, _), kind in zip(current, classes_of(values, space.policy).tolist(), strict=True)
        }
        hashes, classes = decode_seen(row.seen)
        fresh = want == dict(zip(hashes.tolist(), classes.tolist(), strict=True))
        return Profile(space.space, row.revision, row.n_liked, row.n_rated, fresh), threshold, title


def _no_title(item_id: str) -> str | None:
    return None


def _newest_first(entry: tuple[int, str, float]) -> tuple[int, str]:
    return -entry[0], entry[1]


def _key(after: tuple[int, str]) -> tuple[int, str]:
    return -after[0], after[1]
