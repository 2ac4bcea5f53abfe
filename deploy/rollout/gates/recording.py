"""Keeping a verdict where `rollout promote` and `rollout status` find it: in the space's document."""

from __future__ import annotations

from collections.abc import Sequence

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from deploy.rollout.gates.rows import Gate
from deploy.rollout.gates.verdicts import noted
from streaming.control.documents import Change, SpaceDocument
from streaming.control.state import ControlState
from streaming.control.writer import change_control
from streaming.exceptions import ConflictError
from streaming.settings import Settings


@retry(
    retry=retry_if_exception_type(ConflictError),
    stop=stop_after_attempt(5),
    wait=wait_fixed(0.5),
    reraise=True,
)
def record(settings: Settings, gate: Gate, operator: str) -> ControlState:
    """Write the verdict into the document of ``gate.space``; the state after it.

    A verdict does not depend on what else was changed meanwhile, so that who was fenced tries again.

    Raises:
        ConflictError: others were faster each time.
        UnavailableError: Kafka does not answer.
    """

    def written(state: ControlState, change: Change) -> Sequence[SpaceDocument]:
        return [noted(state.spaces[gate.space], gate, change)]

    return change_control(settings, operator, f"gate {gate.name} {gate.verdict}", written)
