"""What a caller means by a genre: the films' own spelling of it, or which ones come near. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

NEAR = 3
"""Genres that are named to someone who asks for one that there is not."""
LIKENESS = 0.5
"""Of 1, by difflib: below it words only happen to share letters."""

LONGEST = 100
"""Characters of what was asked for that are looked at, and said back."""


def spelling(asked: str, counts: Mapping[str, int]) -> str | None:
    """``asked`` as the films spell it, whatever its case; None where none has it.

    Args:
        counts: genre -> films. Where several differ by case alone, the very one asked for wins, else the one
            with most films.
    """
    if asked in counts:
        return asked
    folded = asked.strip().casefold()
    alike = [genre for genre in counts if genre.casefold() == folded]
    return max(alike, key=lambda genre: (counts[genre], genre), default=None)


def near(asked: str, counts: Mapping[str, int]) -> list[str]:
    """At most :data:`NEAR` genres that ``asked`` may have meant, the most likely first.

    Those that hold it as a part come first: "noir" is closer to "Film-Noir" by sense than by letters.
    """
    asked = asked.strip().casefold()
    names = {genre.casefold(): genre for genre in sorted(counts, key=lambda genre: counts[genre])}
    holding = sorted((name for name in names if asked and asked in name), key=len)
    close = get_close_matches(asked, names, NEAR, LIKENESS)
    return [names[name] for name in dict.fromkeys([*holding, *close])][:NEAR]


def unknown_genre(asked: str, counts: Mapping[str, int]) -> str:
    """The sentence for who asks for a genre that no film has."""
    asked = asked[:LONGEST]
    meant = " or ".join(repr(genre) for genre in near(asked, counts))
    guess = f": did you mean {meant}?" if meant else "."
    return f"unknown genre {asked!r}{guess} GET /v1/genres (`marquee genres`) lists all {len(counts)}"
