"""Who is answered from where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.control.documents import Canary, Change, RouteDocument
from streaming.gateway.routing import position, space_for

CHANGE = Change(revision=1, nonce="n", operator="o", reason="r", at_ms=0)


def _route(route_id: str, percent: float | None) -> RouteDocument:
    canary = None if percent is None else Canary("new", percent)
    return RouteDocument(route_id=route_id, champion="old", canary=canary, change=CHANGE)


def test_the_canary_gets_its_share_of_users_and_always_the_same_ones() -> None:
    users = [f"user {n}" for n in range(20_000)]
    first = {u for u in users if space_for(_route("r1", 10.0), u) == "new"}
    assert 0.09 < len(first) / len(users) < 0.11
    assert first == {u for u in users if space_for(_route("r1", 10.0), u) == "new"}
    # whoever is in stays in when the share grows
    assert first <= {u for u in users if space_for(_route("r1", 25.0), u) == "new"}


def test_another_rollout_deals_users_anew() -> None:
    users = [f"user {n}" for n in range(20_000)]
    first = {u for u in users if space_for(_route("r1", 10.0), u) == "new"}
    second = {u for u in users if space_for(_route("r2", 10.0), u) == "new"}
    assert 0.005 < len(first & second) / len(users) < 0.015


@given(user=st.text(min_size=1, max_size=20), route_id=st.text(min_size=1, max_size=8))
def test_the_ends_of_the_scale(user: str, route_id: str) -> None:
    assert 0 <= position(route_id, user) < 100
    assert space_for(_route(route_id, None), user) == "old"
    assert space_for(_route(route_id, 0.0), user) == "old"
    assert space_for(_route(route_id, 100.0), user) == "new"
