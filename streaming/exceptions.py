"""What can go wrong anywhere in Marquee; each package derives its own from these."""

from __future__ import annotations


class MarqueeError(Exception):
    """An error with a sentence for people: what happened and what to do.

    ``exit_code`` is what the command line ends with (docs/cli.md lists them).
    """

    exit_code = 1


class ConfigurationError(MarqueeError):
    """A setting is missing, contradicts another, or does not fit what is running."""

    exit_code = 2


class UnavailableError(MarqueeError):
    """Something Marquee depends on (Kafka, Milvus, TorchServe, a gateway) does not answer."""

    exit_code = 3


class ConflictError(MarqueeError):
    """Somebody else was faster: a stale revision or a fenced writer."""

    exit_code = 4


class NotFoundError(MarqueeError):
    """The named thing does not exist."""

    exit_code = 5
