"""A film as the item encoder is given it, and the sentence that BERT reads of it. Pure.

The field names are those of the events (DESIGN section 3); ``poster`` holds the bytes themselves.
"""

from __future__ import annotations

import hashlib
import unicodedata

import msgspec

MAX_TEXT_CHARACTERS = 65_535
MAX_TITLE_CHARACTERS = 1_000


class EncodeItem(msgspec.Struct, frozen=True, kw_only=True):
    """One film of a request; unknown fields are passed over, so that events may grow."""

    title: str
    item_id: str = ""
    year: int | None = None
    genres: tuple[str, ...] = ()
    text: str = ""
    directors: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    poster: bytes | None = None
    query: bool = False
    """Not a film, but what a searcher says of one: see :mod:`handlers.query_head`."""


def item_problem(item: EncodeItem) -> str | None:
    """Why ``item`` cannot be encoded, or ``None``."""
    if not (item.title.strip() or item.text.strip() or item.poster):
        return "title and text are both empty, and there is no poster"
    if len(item.title) > MAX_TITLE_CHARACTERS:
        return f"title is longer than {MAX_TITLE_CHARACTERS} characters"
    if len(item.text) > MAX_TEXT_CHARACTERS:
        return f"text is longer than {MAX_TEXT_CHARACTERS} characters"
    if item.year is not None and not 1800 <= item.year <= 2300:
        return f"year {item.year} is no year of a film"
    return None


def sentence(item: EncodeItem) -> str:
    """What BERT reads: title, year, genres, people, then the text, so that truncation costs least."""
    parts = [f"{item.title.strip()} ({item.year})" if item.year else item.title.strip()]
    if item.genres:
        parts.append(", ".join(item.genres))
    if item.directors:
        parts.append("Directed by " + ", ".join(item.directors[:3]))
    if item.cast:
        parts.append("With " + ", ".join(item.cast[:5]))
    if item.text.strip():
        parts.append(item.text.strip())
    return ". ".join(part for part in parts if part)


def fingerprint(title: str, year: int | None) -> int:
    """64 bits (signed) of title and year: whose ratings a row of the item table holds.

    Case, width of characters and spaces do not count, so that re-typed titles still match; text, genres
    and poster do not either: a film stays itself when they are edited.
    """
    plain = " ".join(unicodedata.normalize("NFKC", title).casefold().split())
    digest = hashlib.blake2b(
        f"{plain}\x1f{year or ''}".encode(errors="surrogatepass"), digest_size=8
    ).digest()
    return int.from_bytes(digest, "little", signed=True)
