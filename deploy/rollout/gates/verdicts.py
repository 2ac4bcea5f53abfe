"""What gates have said of a space, kept in its document, and what of it a promotion asks for. Pure."""

from __future__ import annotations

import msgspec

from deploy.rollout.exceptions import GatesMissingError
from deploy.rollout.gates.limits import PromoteLimits
from deploy.rollout.gates.rows import Gate
from streaming.control.documents import Change, SpaceDocument, Verdict
from streaming.control.state import ControlState

WORDS = {"failed": "has failed", "open": "is undecided"}


def noted(space: SpaceDocument, gate: Gate, change: Change) -> SpaceDocument:
    """``space`` with the gate's verdict in place of an earlier one of the same gate."""
    verdict = Verdict(
        gate=gate.name,
        verdict=gate.verdict,
        against=gate.against,
        limits=gate.version,
        at_ms=change.at_ms,
        operator=change.operator,
    )
    others = tuple(one for one in space.gates if one.gate != gate.name)
    return msgspec.structs.replace(space, gates=(*others, verdict), change=change)


def missing(state: ControlState, space_id: str, wanted: PromoteLimits) -> list[str]:
    """What of ``wanted`` has not passed against whom users have now, one clause each.

    Nothing is asked of the first space of an installation: there is nobody to compare it with. ``verify``
    knows the engine of a package that serves already.
    """
    route = state.route
    if route is None or route.champion == space_id:
        return []
    space, champion = state.spaces[space_id], state.spaces[route.champion]
    said = {one.gate: one for one in space.gates}
    clauses = []
    for name in wanted.gates:
        if name == "verify" and (space.package, space.version) == (champion.package, champion.version):
            continue
        one = said.get(name)
        if one is None:
            clauses.append(f"`{name}` has not judged it")
        elif one.verdict == "failed" or (one.verdict == "open" and name not in wanted.may_be_open):
            clauses.append(f"`{name}` {WORDS[one.verdict]}")
        elif name != "verify" and one.against != route.champion:
            clauses.append(f"`{name}` judged it against {one.against}, which is not champion now")
    return clauses


def require_passed(state: ControlState, space_id: str, wanted: PromoteLimits) -> None:
    """Refuse a promotion that its gates do not speak for.

    Raises:
        GatesMissingError: naming each gate and what to type.
    """
    found = missing(state, space_id, wanted)
    if found:
        raise GatesMissingError(
            f"{space_id} is not promoted: {'; '.join(found)}. Ask them (`marquee rollout evaluate`,"
            f" `marquee rollout gate NAME {space_id}`), or say --force --reason WHY"
        )


def forced_reason(state: ControlState, space_id: str, wanted: PromoteLimits, reason: str) -> str:
    """The reason as the history keeps it: what was overridden, and why."""
    found = missing(state, space_id, wanted)
    return f"forced, though {', '.join(found)}: {reason}" if found else reason


def gates_text(space: SpaceDocument) -> str:
    """Every verdict in a few words, for tables."""
    return ", ".join(f"{one.gate} {one.verdict}" for one in space.gates)
