"""A film as answers name it, and which films may be shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Film:
    """What an answer says of an item."""

    item_id: str
    title: str
    year: int | None
    genres: tuple[str, ...]
    poster: str
    package: str


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which films may be shown; ``year_from`` and ``year_to`` are inclusive, no year passes neither."""

    genre: str | None = None
    year_from: int | None = None
    year_to: int | None = None

    def __bool__(self) -> bool:
        return self != EVERYTHING


EVERYTHING = ItemFilter()


def passes(film: Film, wanted: ItemFilter) -> bool:
    """Whether a filter lets a film through: the same as the expression that Milvus is given."""
    if wanted.genre is not None and wanted.genre not in film.genres:
        return False
    if wanted.year_from is None and wanted.year_to is None:
        return True
    if not film.year:
        return False
    low = wanted.year_from is None or film.year >= wanted.year_from
    return low and (wanted.year_to is None or film.year <= wanted.year_to)
