"""Events on ``items.v1``: a film as its services describe it (DESIGN section 3)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec

from streaming.events.exceptions import InvalidEventError
from streaming.ids import new_id_problem

MAX_TITLE_BYTES = 1_000
MAX_TEXT_BYTES = 65_535
MAX_LIST = 64
MAX_LIST_ENTRY_BYTES = 200
FIRST_YEAR, LAST_YEAR = 1870, 2200
LISTS = ("genres", "directors", "cast", "countries", "languages")

# what a terminal or a page would obey instead of showing it; lines and tabs have their place in a text
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_OF_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One film. Poster bytes lie in the blob store under ``poster_sha256``, never in the event."""

    item_id: str
    title: str
    year: int | None = None
    genres: tuple[str, ...] = ()
    text: str = ""
    directors: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    poster_url: str = ""
    poster_sha256: str = ""


def check_item(item: Item) -> Item:
    """``item`` itself, if it holds.

    Raises:
        InvalidEventError: with the reason and the field.
    """
    if problem := new_id_problem(item.item_id):
        raise InvalidEventError(f"item_id {problem}", "item_id")
    if not item.title.strip():
        raise InvalidEventError("title is empty", "title")
    for field, limit in (("title", MAX_TITLE_BYTES), ("text", MAX_TEXT_BYTES), ("poster_url", 2_048)):
        if len(getattr(item, field).encode(errors="surrogatepass")) > limit:
            raise InvalidEventError(f"{field} is longer than {limit} bytes", field)
    if _CONTROL.search(item.title):
        raise InvalidEventError("title contains a control character", "title")
    if _CONTROL_OF_TEXT.search(item.text):
        raise InvalidEventError("text contains a control character other than new lines and tabs", "text")
    if item.poster_url and not _is_web_address(item.poster_url):
        raise InvalidEventError("poster_url must be an http or https address", "poster_url")
    if item.year is not None and not FIRST_YEAR <= item.year <= LAST_YEAR:
        raise InvalidEventError(f"year must be from {FIRST_YEAR} to {LAST_YEAR}", "year")
    for field in LISTS:
        entries = getattr(item, field)
        if len(entries) > MAX_LIST:
            raise InvalidEventError(f"{field} has more than {MAX_LIST} entries", field)
        for entry in entries:
            if not entry or len(entry.encode(errors="surrogatepass")) > MAX_LIST_ENTRY_BYTES:
                raise InvalidEventError(
                    f"an entry of {field} is empty or longer than {MAX_LIST_ENTRY_BYTES} bytes", field
                )
            if _CONTROL.search(entry):
                raise InvalidEventError(f"an entry of {field} contains a control character", field)
    sha = item.poster_sha256
    if sha and (len(sha) != 64 or set(sha) - set("0123456789abcdef")):
        raise InvalidEventError("poster_sha256 must be 64 lower-case hexadecimal digits", "poster_sha256")
    return item


def _is_web_address(url: str) -> bool:
    """Whether a page may be given ``url``: nothing that a browser would run, no way out of an attribute."""
    if _CONTROL.search(url) or any(c.isspace() or c in '<>"' for c in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
