"""Films by the words of their titles. Pure.

An encoder reads a title as a hint at what a film is like, and so finds films like it; who types a title
wants that very film.
"""

from __future__ import annotations

import re
import unicodedata

ARTICLES = frozenset(("a", "an", "the"))
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> frozenset[str]:
    """Words without case, accents and punctuation; articles only where there is nothing else."""
    plain = unicodedata.normalize("NFKD", text.replace("'", "").replace("\u2019", "")).casefold()
    found = frozenset(_WORD.findall("".join(c for c in plain if not unicodedata.combining(c))))
    return found - ARTICLES or found


class TitleIndex:
    """Which rows have a word in their titles; whoever holds it locks it."""

    def __init__(self) -> None:
        self._rows: dict[str, set[int]] = {}
        self._lengths: dict[int, int] = {}

    def put(self, row: int, title: str, year: int | None) -> None:
        """The film of a new row, or of one that was removed before."""
        said = words(title)
        self._lengths[row] = len(said)
        for word in _with_year(said, year):
            self._rows.setdefault(word, set()).add(row)

    def remove(self, row: int, title: str, year: int | None) -> None:
        """Take back what was put."""
        self._lengths.pop(row, None)
        for word in _with_year(words(title), year):
            rows = self._rows.get(word, set())
            rows.discard(row)
            if not rows:
                self._rows.pop(word, None)

    def find(self, text: str) -> dict[int, int]:
        """Row -> how many words its title has besides, where title and year hold every word of ``text``."""
        said = words(text)
        lists = sorted((self._rows.get(word, set()) for word in said), key=len)
        if not lists:
            return {}
        rows = set.intersection(*lists)
        # a year is no word of a title: one title may have fewer words than the text
        return {row: max(self._lengths[row] - len(said), 0) for row in rows}


def _with_year(said: frozenset[str], year: int | None) -> frozenset[str]:
    return said | {str(year)} if year else said
