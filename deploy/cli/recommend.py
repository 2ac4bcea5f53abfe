"""``marquee recommend``: what should this user see next?"""

from __future__ import annotations

import click

from deploy.cli.client import GatewayClient
from deploy.cli.films import film_table
from deploy.cli.ids import some_id
from deploy.cli.output import AS_JSON, out, print_json
from deploy.cli.settings import load_settings


@click.command()
@click.argument("user", callback=some_id)
@click.option("-k", type=click.IntRange(1, 1_000), default=10, show_default=True, help="how many films")
@click.option("--genre", help="only films of this genre (`marquee genres` lists them)")
@click.option("--year-from", type=int, help="only films from this year on")
@click.option("--year-to", type=int, help="only films up to this year")
@click.option("--explain", is_flag=True, help="which liked films speak for each, and how much")
@AS_JSON
def command(
    user: str,
    k: int,
    genre: str | None,
    year_from: int | None,
    year_to: int | None,
    explain: bool,
    as_json: bool,
) -> None:
    """What should USER see next?

    Who has liked nothing yet is shown what is popular. Exit code 3 where no gateway answers.

    \b
    Examples:
      marquee recommend ml:1 --explain
      marquee recommend ml:1 -k 20 --genre Comedy --year-from 1990 --json
    """
    with GatewayClient(load_settings()) as gateway:
        answer = gateway.recommendations(
            user, k=k, genre=genre, year_from=year_from, year_to=year_to, explain="true" if explain else None
        )
    if as_json:
        print_json(answer)
        return
    what = "from the user's profile" if answer["source"] == "profile" else "popular: no profile yet"
    if answer.get("reranked"):
        what += ", re-ranked; scores are of the profile alone"
    out().print(film_table(f"{user}: {what} (space {answer['space']})", answer["items"], explain))
    if not answer["items"]:
        out().print("no film matches")
