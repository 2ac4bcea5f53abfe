"""What can go wrong while changing spaces and route."""

from __future__ import annotations

from streaming.exceptions import ConflictError, UnavailableError


class StaleRevisionError(ConflictError):
    """Somebody else changed ``control.v1`` first; look again and repeat."""


class FencedWriterError(ConflictError):
    """A newer writer took over the transactional id; this one wrote nothing."""


class UnsettledChangeError(UnavailableError):
    """Kafka did not say whether the change was taken, and did not answer when asked again."""
