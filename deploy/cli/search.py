"""``marquee search``: films like a text, a poster, or both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from deploy.cli.client import GatewayClient
from deploy.cli.films import film_table
from deploy.cli.output import AS_JSON, out, print_json
from deploy.cli.paths import GivenPath
from deploy.cli.settings import load_settings


@click.command()
@click.argument("text", default="")
@click.option(
    "--poster",
    type=GivenPath(exists=True, dir_okay=False, path_type=Path),
    help="a JPEG, PNG or WebP of at most 5 MB",
)
@click.option("-k", type=click.IntRange(1, 1_000), default=10, show_default=True, help="how many films")
@click.option("--genre", help="only films of this genre (`marquee genres` lists them)")
@click.option("--year-from", type=int, help="only films from this year on")
@click.option("--year-to", type=int, help="only films up to this year")
@AS_JSON
def command(
    text: str,
    poster: Path | None,
    k: int,
    genre: str | None,
    year_from: int | None,
    year_to: int | None,
    as_json: bool,
) -> None:
    """Films like TEXT (a title, a plot, anything), like a poster, or like both.

    Titles that hold all words of TEXT come first, then films like those whose texts and posters are most like
    it, by the encoder in service. Exit code 3 where the gateway or TorchServe
    does not answer.

    \b
    Examples:
      marquee search "samurai defend a village from bandits"
      marquee search "the matrix" -k 3 --json
      marquee search "a girl looks for her dragon" --poster model_store/data/frames/sintel.webp
    """
    if not text.strip() and poster is None:
        raise click.UsageError("nothing to search for: give a TEXT, --poster FILE, or both")
    with GatewayClient(load_settings()) as gateway:
        answer = gateway.search(
            text,
            poster.read_bytes() if poster is not None else None,
            k=k,
            genre=genre,
            year_from=year_from,
            year_to=year_to,
        )
    if as_json:
        print_json(answer)
        return
    filtered = any(one is not None for one in (genre, year_from, year_to))
    heard = heading(text, poster.name if poster else "", answer, filtered)
    out().print(film_table(heard, answer["items"]))
    if not answer["items"]:
        out().print("no film matches")


def heading(text: str, poster: str, answer: Mapping[str, Any], filtered: bool = False) -> str:
    """What the films are like, and what of the question was passed over."""
    unread = bool(poster and answer.get("poster_passed_over"))
    what = " and ".join(part for part in (repr(text) if text else "", "" if unread else poster) if part)
    said = f"like {what} (space {answer['space']})"
    if text and answer.get("titled") == 0:
        said += f"; no title {'among these films ' if filtered else ''}holds all these words"
    return f"{said}; {poster} was passed over: its encoder reads no posters" if unread else said
