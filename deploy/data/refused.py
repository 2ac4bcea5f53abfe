"""Posters that an import leaves out, and how that is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TOLD = 5
"""So many are named; a folder of thumbnails that went wrong may hold thousands."""


@dataclass(frozen=True)
class RefusedPoster:
    """A file that is no picture, is too large, or cannot be read."""

    file: str
    item_id: str
    reason: str


def told(refused: Sequence[RefusedPoster]) -> list[str]:
    """Lines for people: the first few, and how many more. Pure."""
    lines = [
        f"{_shown(one.file)}, the poster of {one.item_id}, left out: {one.reason}" for one in refused[:TOLD]
    ]
    if len(refused) > TOLD:
        lines.append(f"and {len(refused) - TOLD} more posters left out; --json names all")
    return lines


def _shown(file: str) -> str:
    """A name of a file may hold anything; a terminal does nothing but show it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in file)
