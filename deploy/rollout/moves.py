"""What a move writes: pure functions from the control state to the documents of the next revision."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from deploy.rollout.exceptions import IllegalStepError
from deploy.rollout.machine import TARGETS, MoveName, target_of
from streaming.control.documents import Canary, Change, RouteDocument, SpaceDocument, moved
from streaming.control.state import ControlState
from streaming.exceptions import ConfigurationError, NotFoundError

Document = SpaceDocument | RouteDocument

ROUTING: frozenset[MoveName] = frozenset(
    ("install", "shadow", "canary", "promote", "rollback", "abort"),
)
"""Moves that may change who is answered from where."""


def documents(
    state: ControlState, change: Change, move: MoveName, space_id: str, percent: float | None = None
) -> Sequence[Document]:
    """The documents of ``move``; none where it has been made already.

    The route comes first: who has read only part of them goes by the new route among spaces that are
    all still live, and never by an old one to a space that is not.

    Args:
        percent: share of the users, 0 < percent <= 100, for ``canary`` only.

    Raises:
        NotFoundError: there is no such space.
        IllegalStepError: the table or the route does not allow the move.
        ConfigurationError: ``percent`` is no share.
    """
    space = find(state, space_id)
    if move == "canary":
        percent = checked_percent(percent)
    if _made(state, move, space, percent):
        return []
    target = target_of(move, space_id, space.state)
    _guard(state, move, space)
    written: list[Document] = [moved(space, target, change, percent if move == "canary" else None)]
    if target == "champion" and state.route is not None and state.route.champion in state.spaces:
        former = state.spaces[state.route.champion]
        written.append(moved(former, target_of("demote", former.space, former.state), change))
    if move in ROUTING:
        route = _routed(state.route, change, move, space_id, percent)
        if route is not None and (state.route is None or _differs(route, state.route)):
            written.insert(0, route)
    return written


def find(state: ControlState, space_id: str) -> SpaceDocument:
    """The space's document. Raises NotFoundError."""
    space = state.spaces.get(space_id)
    if space is None:
        raise NotFoundError(f"no space {space_id}; `marquee rollout status` lists them")
    return space


def checked_percent(percent: float | None) -> float:
    """A share of the users. Raises ConfigurationError where it is none."""
    if percent is None or not math.isfinite(percent) or not 0 < percent <= 100:
        raise ConfigurationError(f"--percent must be above 0 and at most 100, not {percent}")
    return percent


def rollback_target(state: ControlState) -> str:
    """The standby that was champion last.

    Raises:
        IllegalStepError: there is none.
    """
    standing = [space for space in state.spaces.values() if space.state == "standby"]
    if not standing:
        raise IllegalStepError("no space is standby: there is nothing to roll back to")
    return max(standing, key=lambda space: space.history[-1].revision if space.history else 0).space


def _made(state: ControlState, move: MoveName, space: SpaceDocument, percent: float | None) -> bool:
    """Whether the space is already where the move leads: repeating a step is no error."""
    if move == "canary":
        return state.route is not None and state.route.canary == Canary(space.space, percent or 0.0)
    return space.state == TARGETS[move]


def _guard(state: ControlState, move: MoveName, space: SpaceDocument) -> None:
    """What the table alone cannot say: the route has one place each for champion, canary and shadow."""
    route, name = state.route, space.space
    if move == "retire" and name in state.routed:
        raise IllegalStepError(f"{name} is routed: `retire` would cut its users off; promote another first")
    if move == "install" and route is not None:
        raise IllegalStepError(f"{route.champion} is champion: {name} must be proven first, then promoted")
    if move in ("shadow", "canary") and route is None:
        raise IllegalStepError(f"nobody is served yet, nothing to compare {name} with: promote it")
    if route is None:
        return
    if move == "shadow" and route.shadow not in (None, name):
        raise IllegalStepError(f"{route.shadow} is shadow already: abort or promote it first")
    if move == "canary" and route.canary is not None and route.canary.space != name:
        raise IllegalStepError(f"{route.canary.space} is canary already: abort or promote it first")


def _routed(
    route: RouteDocument | None, change: Change, move: MoveName, space: str, percent: float | None
) -> RouteDocument | None:
    """The route after ``move``; None where there is none before or after."""
    if route is None:
        if move == "abort":
            return None
        return RouteDocument(route_id=change.nonce[:8], champion=space, change=change)
    champion = space if move in ("install", "promote", "rollback") else route.champion
    canary = None if route.canary is not None and route.canary.space == space else route.canary
    shadow = None if route.shadow == space else route.shadow
    route_id = route.route_id
    if move == "shadow":
        shadow = space
    if move == "canary":
        if route.canary is None or route.canary.space != space:
            # the users are dealt anew for each rollout, or the same ones would be in every canary
            route_id = change.nonce[:8]
        canary = Canary(space, percent or 0.0)
    return msgspec.structs.replace(
        route, route_id=route_id, champion=champion, canary=canary, shadow=shadow, change=change
    )


def _differs(one: RouteDocument, other: RouteDocument) -> bool:
    return msgspec.structs.replace(one, change=other.change) != other
