"""What can go wrong with the local stack."""

from __future__ import annotations

from streaming.exceptions import ConfigurationError, UnavailableError


class MissingToolError(ConfigurationError):
    """Java or Maven is not installed; the message says what to type."""


class PortTakenError(ConfigurationError):
    """Somebody else listens where a service of the stack should."""


class StartError(UnavailableError):
    """A service ended, or did not become healthy in time; the message names its log."""


class UnhealthyError(UnavailableError):
    """A service did not answer a real request."""


class ImpairedError(UnhealthyError):
    """A service answers, and says that it leaves some of its work undone until an operator acts."""
