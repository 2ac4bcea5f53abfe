"""What can go wrong with packages.

``model_store`` imports only ``handlers``, so these derive from nothing of ours; ``exit_code`` is what the
command line ends with, as for all of Marquee's errors.
"""

from __future__ import annotations


class ModelStoreError(Exception):
    """A package cannot be used; the message says why and what to do."""

    exit_code = 1


class PackageNotFoundError(ModelStoreError, LookupError):
    """No such package or version."""

    exit_code = 5


class PackageBrokenError(ModelStoreError):
    """A file is missing, changed, torn or of a newer schema, or its signature is wrong."""


class PackageExistsError(ModelStoreError):
    """A version is never overwritten."""

    exit_code = 4


class NoRoomError(ModelStoreError):
    """The disk is full; nothing was left behind."""
