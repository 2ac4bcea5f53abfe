"""``marquee user``: what is known of one user."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from deploy.cli.client import GatewayClient
from deploy.cli.ids import some_id
from deploy.cli.output import AS_JSON, out, print_json, table
from deploy.cli.settings import load_settings
from deploy.words import counted
from streaming.documents import MAX_ITEMS


@click.group()
def command() -> None:
    """What is known of one user.

    `marquee rate` changes it, `marquee profiles erase` forgets him.

    \b
    Examples:
      marquee user show ml:1
      marquee user show ml:1 -n 5 --json
    """


@command.command()
@click.argument("user", callback=some_id)
@click.option(
    "-n", "--limit", type=click.IntRange(1, MAX_ITEMS), default=20, show_default=True, help="newest so many"
)
@AS_JSON
def show(user: str, limit: int, as_json: bool) -> None:
    """The ratings of USER, newest first, from the ledger that owns him.

    With --json also `next_cursor`, with which GET /v1/users/{id} goes on. Exit code 5: he has rated nothing;
    3: the gateway or the ledger does not answer.

    \b
    Examples:
      marquee user show ml:1
      marquee user show ml:1 -n 20000 --json
    """
    with GatewayClient(load_settings()) as gateway:
        answer = gateway.user(user, limit=limit)
    if as_json:
        print_json(answer)
        return
    columns = ("film", "title", "value", "liked", "rated at")
    out().print(table(heading(answer), columns, [row(one) for one in answer["ratings"]], right=[2]))
    for line in remarks(answer):
        out().print(line, markup=False, highlight=False)


def heading(answer: Mapping[str, Any]) -> str:
    """``ml:1: 232 ratings, 190 of them likes, 2 taken back``."""
    taken_back = f", {answer['taken_back']:,} taken back" if answer["taken_back"] else ""
    ratings = counted(answer["rated"], "rating")
    return f"{answer['user_id']}: {ratings}, {answer['liked']:,} of them likes{taken_back}"


def row(rating: Mapping[str, Any]) -> list[object]:
    """One rating; a film that the user's space does not have has no title."""
    at = datetime.fromisoformat(rating["event_time"])
    return [
        rating["item_id"],
        rating["title"],
        rating["value"],
        rating["liked"],
        f"{at:%Y-%m-%d %H:%M:%S} UTC",
    ]


def remarks(answer: Mapping[str, Any]) -> list[str]:
    """What the table does not show: older ratings, films nobody has sent, and a row that trails them."""
    said, more = [], answer["rated"] - len(answer["ratings"])
    if more > 0:
        said.append(f"{more:,} older, not shown: -n {answer['rated']} shows all")
    if unknown := sum(one["title"] is None for one in answer["ratings"]):
        said.append(f"without a title: {unknown:,}, whose films are not indexed, or no space is in service")
    profile = answer["profile"]
    if profile is not None and not profile["fresh"]:
        said.append(
            f"recommendations do not go by all of these yet: his row in {profile['space']} trails them"
        )
    return said
