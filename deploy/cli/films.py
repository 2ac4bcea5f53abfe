"""Lists of films as the gateway answers them, in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from deploy.cli.output import table


def film_table(title: str, films: Sequence[Mapping[str, Any]], explain: bool = False) -> Table:
    """One line a film; with ``explain`` the films that speak for it and their shares of the score."""
    columns = ["rank", "id", "title", "year", "genres", "score"]
    rows: list[list[object]] = []
    for place, film in enumerate(films, 1):
        row: list[object] = [
            place,
            film["item_id"],
            film["title"],
            "" if film.get("year") is None else str(film["year"]),
            film.get("genres", ()),
            score_text(film["score"]),
        ]
        if explain:
            row.append(why(film))
        rows.append(row)
    return table(title, [*columns, "because of"] if explain else columns, rows, right=(0, 5))


def score_text(score: float) -> str:
    """Three digits that say something; large ones (popular films' likes) whole, never as powers of ten."""
    return f"{score:,.0f}" if abs(score) >= 999.5 else f"{score:.3g}"


def why(film: Mapping[str, Any]) -> str:
    """``Alien 31%, Heat 20%, others 49%``: shares of the score, which add up to it."""
    score = float(film["score"])
    reasons = film.get("reasons") or ()

    def share(part: float) -> str:
        return f"{part / score:.0%}" if score else f"{part:+.3f}"

    named = [f"{reason['title'] or reason['item_id']} {share(reason['share'])}" for reason in reasons]
    if named and film.get("rest"):
        named.append(f"others {share(float(film['rest']))}")
    return ", ".join(named)
