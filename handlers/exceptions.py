"""What can go wrong inside a handler; ``handlers`` imports no room, so these derive from nothing of ours."""

from __future__ import annotations


class HandlerError(Exception):
    """A model cannot be loaded or run; the message says what to do."""


class PackageFileError(HandlerError):
    """A file of the package is missing, torn or of another schema."""


class SignatureError(PackageFileError):
    """A signature is wrong, missing where one is required, or by a key that is not trusted."""


class EngineUnavailableError(HandlerError):
    """An engine cannot run here; the message says why it is passed over."""


class RequestError(HandlerError):
    """A whole request cannot be answered: it gets ``status`` and the message, its batch's others go on."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class ImageRefusedError(HandlerError):
    """Bytes that are no poster we decode; the message is the reason."""
