"""What can go wrong between Marquee's own processes."""

from __future__ import annotations

from streaming.exceptions import MarqueeError, UnavailableError


class OwnerUnavailableError(UnavailableError):
    """Nobody owns the partition at the moment, or its owner is loading; worth another try later."""


class InternalCallError(MarqueeError):
    """A process answered an internal call with an error that trying again will not mend."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"internal call refused with {status}: {reason}")
        self.status = status
