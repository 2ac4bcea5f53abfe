"""What can go wrong while a space is moved."""

from __future__ import annotations

from streaming.exceptions import MarqueeError


class IllegalStepError(MarqueeError):
    """The state machine does not allow the step; the message names the legal ones."""

    exit_code = 6


class NotProvenError(MarqueeError):
    """The space is not what the log says; it stays ``backfilling``."""

    exit_code = 7
