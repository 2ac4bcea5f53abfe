"""A move as an operator makes it: looked at first, then written against exactly what was looked at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.rollout.machine import MoveName
from deploy.rollout.moves import Document, documents, rollback_target
from streaming.control.documents import Change, RouteDocument
from streaming.control.reader import read_control
from streaming.control.state import ControlState
from streaming.control.writer import change_control
from streaming.settings import Settings


@dataclass(frozen=True)
class Plan:
    """What a move would write on top of ``before``; nothing, where it has been made already."""

    move: MoveName
    space: str
    before: ControlState
    percent: float | None
    written: Sequence[Document]

    @property
    def after(self) -> ControlState:
        """The state that the move would lead to."""
        state = self.before
        for document in self.written:
            state = state.with_document(document)
        return state

    def lines(self) -> list[str]:
        """The changes, one a line, for people."""
        found = []
        for document in self.written:
            if isinstance(document, RouteDocument):
                found.append(f"route: {route_text(self.before.route)} -> {route_text(document)}")
            else:
                was = self.before.spaces[document.space].state
                found.append(f"{document.space}: {was} -> {document.state}")
        return found


def route_text(route: RouteDocument | None) -> str:
    """Who answers whom, in a few words."""
    if route is None:
        return "nobody is served"
    parts = [f"champion {route.champion}"]
    if route.canary is not None:
        parts.append(f"canary {route.canary.space} for {route.canary.percent:g}%")
    if route.shadow is not None:
        parts.append(f"shadow {route.shadow}")
    return ", ".join(parts)


def plan(settings: Settings, move: MoveName, space: str | None = None, percent: float | None = None) -> Plan:
    """Look at control and work the move out; writes nothing and fences nobody.

    Args:
        space: for ``rollback`` it may be left out: the standby that was champion last.

    Raises:
        NotFoundError, IllegalStepError, ConfigurationError: as :func:`deploy.rollout.moves.documents`.
        UnavailableError: Kafka does not answer.
    """
    state = read_control(settings)
    name = rollback_target(state) if space is None else space
    change = Change(
        revision=state.revision + 1, nonce="0" * 32, operator="", reason="", at_ms=int(time.time() * 1000)
    )
    return Plan(move, name, state, percent, documents(state, change, move, name, percent))


def make(settings: Settings, planned: Plan, operator: str, reason: str) -> ControlState:
    """Write what was planned, if control is still as it was then; the state after it.

    Raises:
        StaleRevisionError, FencedWriterError: somebody else was faster; nothing was written.
        UnavailableError: Kafka does not answer.
    """
    if not planned.written:
        return planned.before
    return change_control(
        settings,
        operator,
        reason or planned.move,
        lambda state, change: documents(state, change, planned.move, planned.space, planned.percent),
        expect_revision=planned.before.revision,
    )


def advance(settings: Settings, move: MoveName, space: str, operator: str, reason: str) -> ControlState:
    """A move that follows by itself (``backfill``, ``prove``), whatever else has changed meanwhile."""
    return change_control(
        settings, operator, reason or move, lambda state, change: documents(state, change, move, space)
    )
