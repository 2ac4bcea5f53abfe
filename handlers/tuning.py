"""How a package is best served on this machine, as ``marquee model tune`` measured it; never in a package."""

from __future__ import annotations

from pathlib import Path

import msgspec

from handlers.engines.machine import keep, kept
from handlers.exceptions import PackageFileError

SCHEMA = 1
TUNED_FILE = "tuned.json"


class Serving(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What TorchServe and its workers are told of a package; the defaults hold where nothing was measured."""

    workers: int = 1
    threads: int = 1
    """Of the engine, in each worker."""
    batch: int = 1
    """Requests that TorchServe hands a worker at once, at most."""
    delay_ms: int = 0
    """How long a request waits for others to join it."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One setting and what was measured with it."""

    serving: Serving
    per_s: float
    """Items a second, all clients together."""
    p99_ms: float
    alone_ms: float
    """A lone request, p50."""


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored beside a package."""

    schema: int = SCHEMA
    package: str
    best: Serving
    trials: tuple[Trial, ...]
    engine: str
    clients: int
    items: int
    """In a request."""
    at: str
    """When, ISO 8601 in UTC."""


def load_tuned(folder: Path) -> Tuned | None:
    """What was measured here of the package in ``folder``; ``None`` if nothing was.

    Raises:
        PackageFileError: if it cannot be read or is of a newer schema.
    """
    return kept(folder, TUNED_FILE, Tuned, SCHEMA, "tune again")


def save_tuned(folder: Path, tuned: Tuned) -> Path:
    """Stores what was measured, in place of what was before; where it lies now.

    Raises:
        PackageFileError: if ``folder`` holds no built package, or there is no room.
    """
    return keep(folder, TUNED_FILE, tuned)


def serving_of(folder: Path) -> Serving:
    """As measured, else the defaults; what cannot be read counts as not measured, for models must serve."""
    try:
        tuned = load_tuned(folder)
    except PackageFileError:
        return Serving()
    return Serving() if tuned is None else tuned.best
