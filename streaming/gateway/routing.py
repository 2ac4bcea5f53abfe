"""Which space answers which user (DESIGN section 4, rule 8). Pure."""

from __future__ import annotations

import hashlib

from streaming.control.documents import RouteDocument


def position(route_id: str, user_id: str) -> float:
    """Where a user stands in a rollout, in [0, 100): the same for every request of one route id.

    A new route id deals the users anew, so that nobody is in every canary.
    """
    digest = hashlib.blake2b(f"{route_id}\x1f{user_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * 100


def space_for(route: RouteDocument, user_id: str) -> str:
    """The space that answers ``user_id``: the canary's for its share of the users, else the champion's."""
    canary = route.canary
    if canary is not None and position(route.route_id, user_id) < canary.percent:
        return canary.space
    return route.champion
