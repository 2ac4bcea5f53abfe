"""One snapshot for an answer, held until the answer is made (rule 8)."""

from __future__ import annotations

from streaming.control.documents import Canary, Change, RouteDocument, SpaceDocument, State
from streaming.control.state import ControlState
from streaming.gateway.adoption import Adoption


def control(revision: int, champion: str, canary: str | None = None, **states: State) -> ControlState:
    change = Change(revision=revision, nonce="n", operator="o", reason="r", at_ms=0)
    state = ControlState()
    for name, kind in states.items():
        state = state.with_document(
            SpaceDocument(space=name, package="p", version="1", dim=4, state=kind, change=change)
        )
    share = None if canary is None else Canary(canary, 50.0)
    return state.with_document(RouteDocument(route_id="r", champion=champion, canary=share, change=change))


class Here:
    """What a gateway knows at the moment."""

    def __init__(self, state: ControlState) -> None:
        self.newest, self.loaded = state, {"a"}
        self.adoption = Adoption(lambda: self.newest, lambda space: space in self.loaded)


def test_a_space_that_is_still_loading_is_not_met_by_anybody() -> None:
    here = Here(control(1, "a", a="champion", b="ready"))
    assert here.adoption.current().revision == 1
    here.newest = control(2, "b", a="standby", b="champion")
    assert here.adoption.current().revision == 1
    assert here.adoption.oldest == 1
    here.loaded.add("b")
    assert here.adoption.current().revision == 2


def test_a_space_that_is_gone_is_left_at_once() -> None:
    here = Here(control(1, "a", "b", a="champion", b="canary"))
    here.adoption.current()
    here.newest = control(2, "a", a="champion", b="aborted")
    assert here.adoption.current().revision == 2


def test_an_answer_under_way_holds_its_snapshot_and_its_space() -> None:
    here = Here(control(1, "a", "b", a="champion", b="canary"))
    with here.adoption.using() as first, here.adoption.using() as second:
        here.newest = control(2, "a", a="champion", b="aborted")
        with here.adoption.using() as third:
            assert (first.revision, second.revision, third.revision) == (1, 1, 2)
        assert here.adoption.oldest == 1, "whoever wants to drop b waits"
        assert here.adoption.needed() == {"a", "b"}
    assert here.adoption.oldest == 2
    assert here.adoption.needed() == {"a"}


def test_an_answer_that_fails_lets_go_too() -> None:
    here = Here(control(1, "a", a="champion"))
    try:
        with here.adoption.using():
            raise ValueError
    except ValueError:
        here.newest = control(2, "a", a="champion")
    assert here.adoption.oldest == 2
