"""What a caller of recommendations asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from streaming.gateway.catalogue import EVERYTHING, ItemFilter


@dataclass(frozen=True)
class Query:
    """``exclude`` are item ids, ``diversity`` is 0 (the order of the scores) to 1."""

    k: int = 10
    wanted: ItemFilter = EVERYTHING
    exclude: frozenset[str] = frozenset()
    diversity: float = 0.0
    explain: bool = False
