"""Which engines are tried first: those measured to be faster on this machine, else as they are listed.

Which one is fastest hangs on the processor: int8 gains where bytes are multiplied four at a time, and loses
where bfloat16 is multiplied in tiles. Speeds are measured by ``marquee model compile`` and ``tune`` and lie
beside the packages, one file a number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from handlers.engines.machine import keep, kept

SCHEMA = 1
CLEARLY = 1.05
"""An engine goes before one listed earlier if that takes more than so many times as long."""


class Speeds(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of engines that passed, by turns in one run."""

    schema: int = SCHEMA
    threads: int
    batch: int
    """Items that ``ms`` is of."""
    ms: dict[str, float]
    """The shortest of several runs."""
    at: str
    """When, ISO 8601 in UTC."""


def speeds_file(threads: int) -> str:
    """Name of the file for so many threads."""
    return f"speeds.cpu.{threads}.json"


def load_speeds(folder: Path, threads: int) -> Speeds | None:
    """What was measured here of the package in ``folder``; ``None`` if nothing was.

    Raises:
        PackageFileError: if it cannot be read or is of a newer schema.
    """
    return kept(folder, speeds_file(threads), Speeds, SCHEMA, "compile or tune again")


def save_speeds(folder: Path, threads: int, batch: int, ms: Mapping[str, float]) -> Path:
    """Stores what was measured, in place of what was before; where it lies now.

    Raises:
        PackageFileError: if ``folder`` holds no built package, or there is no room.
    """
    speeds = Speeds(
        threads=threads, batch=batch, ms=dict(ms), at=datetime.now(UTC).isoformat(timespec="seconds")
    )
    return keep(folder, speeds_file(threads), speeds)


def by_speed(listed: Sequence[str], ms: Mapping[str, float]) -> list[str]:
    """``listed`` anew: each measured engine before those that are clearly slower; pure.

    Engines that were not measured keep their places: one that appears later (a GPU's) is tried as it is
    listed.
    """
    ordered: list[str] = []
    for name in (one for one in listed if one in ms):
        place = len(ordered)
        while place and ms[ordered[place - 1]] > CLEARLY * ms[name]:
            place -= 1
        ordered.insert(place, name)
    following = iter(ordered)
    return [next(following) if name in ms else name for name in listed]
