"""What can be wrong with the topics."""

from __future__ import annotations

from streaming.exceptions import ConfigurationError


class TopicDifferenceError(ConfigurationError):
    """Topics are not what the table says; the message names every difference."""
