"""Why an event is refused."""

from __future__ import annotations

from streaming.exceptions import MarqueeError


class InvalidEventError(MarqueeError):
    """An event that can never be taken as it is.

    ``reason`` is one sentence for the DLQ record or the problem document; ``field`` names the
    offending field where there is one.
    """

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
