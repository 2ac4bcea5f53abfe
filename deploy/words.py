"""Numbers of things, as people say them. Pure."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """``1 film``, ``1,234 films``."""
    return f"1 {thing}" if count == 1 else f"{count:,} {thing}s"
