"""``marquee similar``: films like this one."""

from __future__ import annotations

import click

from deploy.cli.client import GatewayClient
from deploy.cli.films import film_table
from deploy.cli.ids import some_id
from deploy.cli.output import AS_JSON, out, print_json
from deploy.cli.settings import load_settings


@click.command()
@click.argument("item", callback=some_id)
@click.option("-k", type=click.IntRange(1, 1_000), default=10, show_default=True, help="how many films")
@AS_JSON
def command(item: str, k: int, as_json: bool) -> None:
    """Films like ITEM, nearest first.

    \b
    Examples:
      marquee similar ml:296
      marquee similar ml:296 -k 5 --json
    """
    with GatewayClient(load_settings()) as gateway:
        answer = gateway.similar(item, k=k)
    if as_json:
        print_json(answer)
    else:
        out().print(film_table(f"like {item}", answer["items"]))
