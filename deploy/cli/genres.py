"""``marquee genres``: what ``--genre`` may be."""

from __future__ import annotations

import click

from deploy.cli.client import GatewayClient
from deploy.cli.output import AS_JSON, out, print_json, table
from deploy.cli.settings import load_settings


@click.command()
@AS_JSON
def command(as_json: bool) -> None:
    """Every genre that a film in the champion's space has, and how many have it.

    `--genre` of `recommend` and `search` takes each of them, in upper or lower case.

    \b
    Examples:
      marquee genres
      marquee genres --json
    """
    with GatewayClient(load_settings()) as gateway:
        answer = gateway.genres()
    if as_json:
        print_json(answer)
    else:
        out().print(table("", ("genre", "films"), list(answer["genres"].items()), right=[1]))
