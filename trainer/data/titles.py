"""MovieLens titles as people write them: ``Matrix, The (1999)`` is ``The Matrix`` of 1999. Pure."""

from __future__ import annotations

import re

_YEAR = re.compile(r"\s*\((\d{4})(?:\s*[-–]\s*\d{0,4})?\)\s*$")
_PARTS = re.compile(r"(\([^()]*\))")
_ARTICLES = (
    "The|A|An|Le|La|Les|L'|Un|Une|Il|Lo|Gli|I|Uno|Una|El|Los|Las|Der|Die|Das|Ein|Eine|De|Het|Den|Det|En|Ett"
    "|O|Os|As"
)
_INVERTED = re.compile(rf"^(?P<mark>a\.?k\.?a\.? )?(?P<rest>.+), (?P<article>{_ARTICLES})$", re.IGNORECASE)


def _upright(part: str) -> str:
    found = _INVERTED.match(part)
    if found is None:
        return part
    mark, rest, article = found["mark"] or "", found["rest"], found["article"]
    between = "" if article.endswith("'") else " "
    return f"{mark}{article}{between}{rest}"


def split_title(raw: str) -> tuple[str, int | None]:
    """Title without its year and with articles in front, also inside brackets; the year or ``None``."""
    year = _YEAR.search(raw)
    title = raw[: year.start()] if year else raw
    parts = []
    for part in _PARTS.split(title):
        if part.startswith("(") and part.endswith(")"):
            parts.append(f"({_upright(part[1:-1].strip())})")
        elif part.strip():
            parts.append(_upright(part.strip()))
    upright = " ".join(parts)
    # a title that is nothing but a year in brackets keeps it as its title
    return (upright, int(year[1])) if upright and year else (upright or raw.strip(), None)


_GENRES = {"Children's": "Children", "(no genres listed)": "", "unknown": ""}


def clean_genres(raw: list[str]) -> tuple[str, ...]:
    """Genre names that all MovieLens sets share, in their order, without placeholders and repeats."""
    return tuple(dict.fromkeys(name for g in raw if (name := _GENRES.get(g.strip(), g.strip()))))
