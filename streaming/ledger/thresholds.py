"""From which rating on a film counts as liked: 4.0, and what the live spaces say besides. Pure."""

from __future__ import annotations

from streaming.control.documents import MEAN
from streaming.control.state import ControlState


def live_thresholds(state: ControlState) -> tuple[float, ...]:
    """The thresholds to count likes under, ascending."""
    return tuple(
        sorted({MEAN.like_threshold} | {float(s.policy.like_threshold) for s in state.live.values()})
    )
