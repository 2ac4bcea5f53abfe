"""What can go wrong in a space worker."""

from __future__ import annotations

from streaming.exceptions import MarqueeError


class InvalidVectorError(MarqueeError):
    """A record of the vectors topic that cannot be a vector of this space."""
