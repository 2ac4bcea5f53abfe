"""What can go wrong in a ledger."""

from __future__ import annotations

from streaming.exceptions import ConflictError, MarqueeError


class StoreError(MarqueeError):
    """The local store of a partition cannot be read or does not hold what it should: rebuild it."""


class InstanceRunningError(ConflictError):
    """Another process holds the state directory of this instance."""
