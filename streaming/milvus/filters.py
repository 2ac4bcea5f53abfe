"""Inline filter expressions, built so that no value can become syntax. Pure."""

from __future__ import annotations

from collections.abc import Iterable

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def quote(value: str) -> str:
    """``value`` as a string literal of the expression language."""
    return f'"{value.translate(_ESCAPES)}"'


def one_of(field: str, values: Iterable[str]) -> str:
    """``field in ["a", "b"]``."""
    return f"{field} in [{', '.join(map(quote, values))}]"


def both(*expressions: str | None) -> str:
    """All of ``expressions``; the empty string (no filter) where there is none."""
    given = [e for e in expressions if e]
    return given[0] if len(given) == 1 else " and ".join(f"({e})" for e in given)


def item_filter(genre: str | None = None, year_from: int | None = None, year_to: int | None = None) -> str:
    """What ``genre``, ``year_from`` and ``year_to`` (both inclusive) let through; empty where all is.

    A film without a year is stored with year 0 and does not pass a filter by year.
    """
    years = []
    if year_from is not None:
        years.append(f"year >= {int(year_from)}")
    if year_to is not None:
        years.append(f"year <= {int(year_to)}")
    if years and (year_from is None or year_from <= 0):
        years.append("year > 0")
    return both(f"array_contains(genres, {quote(genre)})" if genre is not None else None, *years)


def key_range(field: str, part: int, low: str | None, high: str | None) -> str:
    """Rows of partition ``part`` with ``low <= field < high``; ``None`` leaves that side open."""
    return both(
        f"part == {int(part)}",
        f"{field} >= {quote(low)}" if low is not None else None,
        f"{field} < {quote(high)}" if high is not None else None,
    )
