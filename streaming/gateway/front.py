"""From a user to his space: one snapshot of the route for the whole answer, counted and mirrored (rule 8)."""

from __future__ import annotations

import time

from streaming.control.documents import SpaceDocument
from streaming.control.state import ControlState
from streaming.gateway import figures
from streaming.gateway.answers import Found, Recommendations, Similar
from streaming.gateway.exceptions import BadRequestError, NotReadyError
from streaming.gateway.figures import Role
from streaming.gateway.lookup import Lookup
from streaming.gateway.mirror import Mirror
from streaming.gateway.query import Query, SearchQuery
from streaming.gateway.routing import space_for
from streaming.gateway.search import Search
from streaming.gateway.state import GatewayState

NO_MODEL = "no model is in service yet: `marquee rollout start PACKAGE --promote` puts the first one there"


class Front:
    """What routes ask of lookups; every method blocks, threads may share it.

    Methods raise UnavailableError where Milvus does not answer or the gateway has not loaded.
    """

    def __init__(self, state: GatewayState) -> None:
        self._adoption = state.adoption
        self._lookup = Lookup(state)
        self._search = Search(state.settings, self._lookup)
        self.mirror = Mirror(state.adoption, self._lookup.recommend)

    def recommend(self, user_id: str, query: Query) -> Recommendations:
        """What this user should see next: ``query.k`` films whenever so many exist.

        Raises:
            BadRequestError: if no film of the space has the genre asked for.
        """
        with self._adoption.using() as control:
            space = self.space_of(user_id, control)
            assert control.route is not None
            role: Role = "champion" if space.space == control.route.champion else "canary"
            began = time.perf_counter()
            try:
                found = self._lookup.recommend(space, user_id, query)
            except BadRequestError:
                raise
            except Exception:
                figures.failed(space.space, role)
                raise
            seconds = time.perf_counter() - began
            shadow = control.route.shadow
        figures.answered(space.space, role, found.source, seconds, len(found.items), found.reranked)
        if shadow is not None:
            self.mirror.offer(shadow, user_id, query, seconds, found)
        return found

    def similar(self, item_id: str, k: int) -> Similar:
        """The ``k`` films of largest inner product with this one, itself left out, in the champion's space.

        Raises:
            UnknownItemError: if the champion's space has no vector for it.
        """
        with self._adoption.using() as control:
            return self._lookup.similar(self.champion(control), item_id, k)

    def search(self, query: SearchQuery, poster: bytes | None = None) -> Found:
        """The ``query.k`` films of the champion's space that are most like a text, a poster, or both.

        Raises:
            BadRequestError: if the encoder can make nothing of it, or no film has the genre.
        """
        with self._adoption.using() as control:
            return self._search.find(self.champion(control), query, poster)

    def genres(self) -> dict[str, int]:
        """Every genre of the films in the champion's space, sorted -> how many have it."""
        with self._adoption.using() as control:
            return self._lookup.genres(self.champion(control))

    def champion(self, control: ControlState | None = None) -> SpaceDocument:
        """The champion's space. Raises NotReadyError where nothing is routed yet."""
        control = control or self._adoption.current()
        return _space(control, control.route.champion if control.route else None)

    def space_of(self, user_id: str, control: ControlState | None = None) -> SpaceDocument:
        """The space that answers this user. Raises NotReadyError where nothing is routed yet."""
        control = control or self._adoption.current()
        return _space(control, space_for(control.route, user_id) if control.route else None)


def _space(control: ControlState, space: str | None) -> SpaceDocument:
    document = control.spaces.get(space) if space is not None else None
    if document is None:
        raise NotReadyError(NO_MODEL)
    return document
