"""What can go wrong on the way to the item encoder."""

from __future__ import annotations

from streaming.exceptions import MarqueeError, NotFoundError, UnavailableError


class EncoderUnavailableError(UnavailableError):
    """TorchServe is away, overloaded or has no ready worker for the version: ask again later."""


class EncoderDiedError(EncoderUnavailableError):
    """The worker process that had the request died (or hung until it was killed): by chance, or of it."""


class EncoderRefusedError(MarqueeError):
    """TorchServe answered that a request is wrong as a whole; asking again gives the same."""


class ModelNotFoundError(NotFoundError):
    """TorchServe knows no such model version; it must be registered (again)."""
