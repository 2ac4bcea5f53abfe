"""What the gateway tells its callers; :mod:`streaming.gateway.problems` gives each an HTTP status."""

from __future__ import annotations

from collections.abc import Sequence

from streaming.events import InvalidEventError
from streaming.exceptions import MarqueeError, NotFoundError, UnavailableError


class BadRequestError(MarqueeError):
    """A request that can never be answered as it is; ``field`` names the offending part."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.field = field


class UnsupportedMediaError(BadRequestError):
    """The body is of a kind that the gateway does not take."""


class NothingTakenError(BadRequestError):
    """Each row of a bulk breaks a rule; ``errors`` has why, in the order of the rows."""

    def __init__(self, errors: Sequence[InvalidEventError]) -> None:
        super().__init__(f"none of the {len(errors)} rows can be taken; the first: {errors[0].reason}")
        self.errors = errors


class TooLargeError(MarqueeError):
    """The body is larger than its endpoint takes."""


class NotAcknowledgedError(UnavailableError):
    """Kafka did not acknowledge in time; sending the same again is harmless."""


class NotReadyError(UnavailableError):
    """The gateway has not yet read what it needs to answer."""


class LedgerBehindError(UnavailableError):
    """Ratings are refused because those of before may expire before they are folded."""


class UnknownUserError(NotFoundError):
    """The user has no ratings."""


class UnknownItemError(NotFoundError):
    """The item was never put, or was removed."""
