"""The life of a space as one table: which move leads from where to where (DESIGN section 9). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deploy.rollout.exceptions import IllegalStepError
from streaming.control.documents import State

MoveName = Literal[
    "backfill", "prove", "install", "shadow", "canary", "promote", "rollback", "demote", "retire", "abort"
]


@dataclass(frozen=True)
class Rule:
    """``move`` leads from each of ``sources`` to ``target``; ``command`` is what an operator types for it."""

    move: MoveName
    sources: tuple[State, ...]
    target: State
    command: str
    meaning: str


FIRST: State = "created"
"""What `rollout start` makes; every other state is reached by a rule."""

TABLE: tuple[Rule, ...] = (
    Rule("backfill", ("created",), "backfilling", "resume", "topic, collections and model version are there"),
    Rule("prove", ("backfilling",), "ready", "resume", "caught up, and both checks are clean"),
    Rule("install", ("backfilling",), "champion", "start --promote", "only where nobody is served yet"),
    Rule("shadow", ("ready", "canary"), "shadow", "shadow", "lookups are mirrored, nobody sees the answers"),
    Rule("canary", ("ready", "shadow", "canary"), "canary", "canary", "a share of the users is answered"),
    Rule("promote", ("ready", "shadow", "canary"), "champion", "promote", "all other users are answered"),
    Rule("rollback", ("standby",), "champion", "rollback", "a former champion is champion again"),
    Rule("demote", ("champion",), "standby", "", "another was promoted; still written, for the way back"),
    Rule("retire", ("standby",), "retired", "retire", "everything it owns is dropped"),
    Rule(
        "abort",
        ("created", "backfilling", "ready", "shadow", "canary"),
        "aborted",
        "abort",
        "everything it owns is dropped; it never was champion",
    ),
)

TARGETS: dict[MoveName, State] = {rule.move: rule.target for rule in TABLE}
"""Each move has one end, wherever it begins."""

ENDS: frozenset[State] = frozenset(("retired", "aborted"))
"""A space does not come back from these; its id is never used again."""

PENDING: frozenset[State] = frozenset(("created", "backfilling"))
"""States that `rollout resume` leads on from."""


def legal(state: State) -> tuple[MoveName, ...]:
    """The moves that are possible from ``state``, in the table's order."""
    return tuple(rule.move for rule in TABLE if state in rule.sources)


def commands(state: State) -> tuple[str, ...]:
    """What an operator may type for a space in ``state``."""
    rules = [rule for rule in TABLE if state in rule.sources and rule.command]
    # `start` makes a space, and installs none that is there
    return tuple(dict.fromkeys(f"rollout {rule.command}" for rule in rules if rule.move != "install"))


def target_of(move: MoveName, space: str, state: State) -> State:
    """Where ``move`` leads from ``state``.

    Raises:
        IllegalStepError: nowhere; the message names the legal steps.
    """
    for rule in TABLE:
        if rule.move == move and state in rule.sources:
            return rule.target
    raise IllegalStepError(f"{space} is {state}: no `{move}` from there; {legal_text(state)}")


def legal_text(state: State) -> str:
    """The legal steps as half a sentence."""
    steps = commands(state)
    if steps:
        return "legal: " + ", ".join(f"`{step}`" for step in steps)
    if state in ENDS:
        return "legal: nothing, it is over; start the package again under a new id"
    return "legal: nothing by itself; it changes when another space is promoted or rolled back to"
