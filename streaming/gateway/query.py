"""What a caller of recommendations, or a searcher, asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from streaming.gateway.films import EVERYTHING, ItemFilter


@dataclass(frozen=True)
class Query:
    """``exclude`` are item ids, ``diversity`` is 0 (the order of the scores) to 1."""

    k: int = 10
    wanted: ItemFilter = EVERYTHING
    exclude: frozenset[str] = frozenset()
    diversity: float = 0.0
    explain: bool = False


class SearchQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked for, as JSON or as the fields of a form (which may hold a file ``poster`` besides)."""

    text: str = ""
    k: int = 10
    genre: str | None = None
    year_from: int | None = None
    year_to: int | None = None

    @property
    def wanted(self) -> ItemFilter:
        """Which films may be shown."""
        return ItemFilter(self.genre, self.year_from, self.year_to)
