"""What can go wrong while a space is moved."""

from __future__ import annotations

from streaming.exceptions import MarqueeError


class IllegalStepError(MarqueeError):
    """The state machine does not allow the step; the message names the legal ones."""

    exit_code = 6


class GateFailedError(MarqueeError):
    """A gate stopped a command that asks it by itself; the exit code is that of the gate."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class GatesMissingError(MarqueeError):
    """A space was to be promoted and gates have not passed; the message names them."""

    exit_code = 16


class NotComparableError(MarqueeError):
    """The gate `evaluate` cannot be asked: too few ratings, or a package has seen them."""

    exit_code = 15


class NotProvenError(MarqueeError):
    """The space is not what the log says; it stays ``backfilling``."""

    exit_code = 7
