"""A rollout from wherever it stands to where it was going: after a kill, the same command goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from deploy.rollout.changes import advance
from deploy.rollout.ending import clear
from deploy.rollout.gates.limits import load_limits
from deploy.rollout.gates.verdicts import forced_reason
from deploy.rollout.machine import ENDS, PENDING, MoveName
from deploy.rollout.moves import find
from deploy.rollout.proving import Progress, catch_up, prove
from deploy.rollout.starting import built, check_engine, create, provide, require_item_encoder
from streaming.control.documents import MEAN, Policy, SpaceDocument
from streaming.control.reader import read_control
from streaming.control.state import ControlState
from streaming.settings import Settings

Step = Callable[[str], None]
CATCH_UP_S = 24 * 3600.0
PROVE_S = 300.0


def _silent_step(_: str) -> None:
    return


def _silent_progress(_label: str, _done: int, _total: int) -> None:
    return


@dataclass(frozen=True)
class Driver:
    """Drives spaces by the steps that need no decision. ``operator`` and ``reason`` stand in the history."""

    settings: Settings
    operator: str
    reason: str = ""
    step: Step = field(default=_silent_step)
    progress: Progress = field(default=_silent_progress)
    catch_up_s: float = CATCH_UP_S
    prove_s: float = PROVE_S
    verify: bool = True
    """Whether `start` asks the gate ``verify`` before it announces a space."""

    def start(self, reference: str, policy: Policy) -> SpaceDocument:
        """A new space of a package, as far as ``backfilling``: the rest goes on without this process.

        Raises:
            ConfigurationError: the package is of another kind than an item encoder.
            GateFailedError: the package's engine is wrong or too slow; nothing was announced.
            MarqueeError: the package is none, or a service does not answer. Once the space is announced,
                `rollout resume` goes on where this stopped.
        """
        require_item_encoder(self.settings, reference)
        self.step(f"building {reference}")
        package = built(self.settings, reference)
        verified = check_engine(self.settings, package, self.step) if self.verify else None
        self.step("announcing the space")
        space = create(self.settings, package, policy, self.operator, self.reason, verified)
        self.step(f"space {space.space}")
        return provide(self.settings, space, self.operator, self.reason, self.step)

    def resume(self, space_id: str, *, wait: bool = True) -> SpaceDocument:
        """On to ``ready``, or to the end of dropping; nothing where the space waits for a decision.

        Args:
            wait: without, a backfilling space is left to its worker.

        Raises:
            NotFoundError: there is no such space.
            NotProvenError: the checks find differences.
            UnavailableError: something does not answer; resume again.
        """
        space = find(read_control(self.settings), space_id)
        if space.state in ENDS:
            return clear(self.settings, space_id, self.operator, self.step)
        if space.state == "created":
            space = provide(self.settings, space, self.operator, self.reason, self.step)
        if space.state == "backfilling" and wait:
            self.step("catching up")
            catch_up(self.settings, space, self.catch_up_s, self.progress)
            self.step("checking every document, vector and row")
            prove(self.settings, space, self.prove_s)
            space = self.advance("prove", space)
        return space

    def advance(self, move: MoveName, space: SpaceDocument) -> SpaceDocument:
        """One move of ``space`` in control."""
        return advance(self.settings, move, space.space, self.operator, self.reason).spaces[space.space]

    def promote_ungated(self, space: SpaceDocument) -> SpaceDocument:
        """Make it champion whatever its gates say; the history keeps which of them were overridden."""
        state, wanted = read_control(self.settings), load_limits().promote
        reason = forced_reason(state, space.space, wanted, self.reason)
        return replace(self, reason=reason).advance("promote", space)


def unfinished(state: ControlState) -> list[SpaceDocument]:
    """Spaces that `rollout resume` would lead on, oldest first."""
    return [
        space
        for space in sorted(state.spaces.values(), key=lambda s: s.history[0].at_ms if s.history else 0)
        if space.state in PENDING or (space.state in ENDS and not space.dropped)
    ]


def start_space(
    settings: Settings,
    reference: str,
    *,
    policy: Policy = MEAN,
    operator: str,
    reason: str = "rollout start",
    promote: bool = False,
    step: Step = _silent_step,
) -> SpaceDocument:
    """A new space; with ``promote`` its users come at once where nobody is served yet, else once proven.

    No gate under traffic is asked: this is for installations that nobody else looks at.

    Raises:
        MarqueeError: see :class:`Driver`.
    """
    driver = Driver(settings, operator, reason, step)
    space = driver.start(reference, policy)
    if not promote:
        return space
    if read_control(settings).route is None:
        return driver.advance("install", space)
    return driver.promote_ungated(driver.resume(space.space))
