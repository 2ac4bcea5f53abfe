"""Mirrored lookups: counted, compared, and never in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from streaming.control.documents import Change, RouteDocument, SpaceDocument
from streaming.control.state import ControlState
from streaming.gateway.adoption import Adoption
from streaming.gateway.answers import Recommendations, Recommended, Source
from streaming.gateway.figures import overlap
from streaming.gateway.mirror import WAITING, Mirror
from streaming.gateway.query import Query
from streaming.milvus.exceptions import MilvusUnavailableError
from tests.support import until

CHANGE = Change(revision=1, nonce="n", operator="o", reason="r", at_ms=0)


def state(shadow: str) -> ControlState:
    made = ControlState()
    for name in ("a", shadow):
        made = made.with_document(
            SpaceDocument(space=name, package="p", version="1", dim=4, state="champion", change=CHANGE)
        )
    return made.with_document(RouteDocument(route_id="r", champion="a", shadow=shadow, change=CHANGE))


def found(space: str, items: str, source: Source = "profile") -> Recommendations:
    films = tuple(Recommended(item, item, 1.0) for item in items)
    return Recommendations("id", "u", space, "p", source, 1, films)


class Shadow:
    """Answers as it is told to; counts on the process's registry, so each test names its own space."""

    def __init__(self, space: str) -> None:
        self.space, self.items, self.source = space, "bcd", "profile"
        self.error: Exception | None = None
        self.let = threading.Event()
        self.let.set()
        self.mirror = Mirror(Adoption(lambda: state(space), lambda _: True), self.answer)

    def answer(self, space: SpaceDocument, user: str, query: Query) -> Recommendations:
        assert space.space == self.space
        assert not query.explain
        self.let.wait(20)
        if self.error is not None:
            raise self.error
        return found(self.space, self.items, self.source)  # type: ignore[arg-type]

    def offer(self, items: str = "abc") -> None:
        self.mirror.offer(self.space, "u", Query(explain=True), 0.01, found("a", items))

    def count(self, name: str, **labels: str) -> float:
        value = REGISTRY.get_sample_value(f"marquee_gateway_{name}", {"space": self.space, **labels})
        return value or 0.0


@pytest.fixture
def shadow(request: pytest.FixtureRequest) -> Iterator[Shadow]:
    made = Shadow(request.node.name)
    yield made
    made.let.set()
    made.mirror.stop()


def test_what_both_say_is_compared(shadow: Shadow) -> None:
    shadow.offer("abc")
    shadow.source = "popular"
    shadow.offer("bcd")
    until(lambda: shadow.count("shadow_pairs_total") == 2, what="both are mirrored")
    assert shadow.count("shadow_overlap_sum") == pytest.approx(2 / 3 + 1)
    assert shadow.count("shadow_overlap_squares") == pytest.approx(4 / 9 + 1)
    assert shadow.count("shadow_unprofiled_total") >= 1
    assert shadow.count("lookup_seconds_count", role="shadow") == 2


def test_errors_and_empty_answers_are_counted(shadow: Shadow) -> None:
    shadow.items = ""
    shadow.offer()
    until(lambda: shadow.count("lookup_empty_total", role="shadow") == 1)
    for number, error in enumerate((MilvusUnavailableError("away"), ZeroDivisionError()), 1):
        shadow.error = error
        shadow.offer()
        until(lambda: shadow.count("lookup_failures_total", role="shadow") == number)  # noqa: B023
    shadow.error = None
    shadow.offer()
    until(lambda: shadow.count("shadow_pairs_total") == 2, what="it goes on after an error of any kind")


def test_a_shadow_that_hangs_costs_nobody_anything(shadow: Shadow) -> None:
    shadow.let.clear()
    offered = WAITING + 100
    began = time.perf_counter()
    for _ in range(offered):
        shadow.offer()
    assert time.perf_counter() - began < 5, "an offer never waits"
    dropped = shadow.count("shadow_dropped_total")
    assert offered - WAITING - 1 <= dropped <= offered - WAITING
    shadow.let.set()
    until(lambda: shadow.count("shadow_pairs_total") == offered - dropped, what="what waited is mirrored")


def test_who_is_shadow_no_more_is_not_asked(shadow: Shadow) -> None:
    shadow.mirror.offer("another", "u", Query(), 0.01, found("a", "abc"))
    shadow.offer()
    until(lambda: shadow.count("shadow_pairs_total") == 1)


sets = st.frozensets(st.sampled_from("abcdefgh"))


@given(one=sets, other=sets)
def test_overlap_is_a_share_and_the_same_from_both_sides(one: frozenset[str], other: frozenset[str]) -> None:
    assert 0 <= overlap(one, other) <= 1
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, one) == 1
