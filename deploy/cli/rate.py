"""``marquee rate``: one rating, acknowledged by Kafka."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import click

from deploy.cli.client import GatewayClient
from deploy.cli.ids import some_id
from deploy.cli.output import AS_JSON, err, out, print_json
from deploy.cli.settings import load_settings
from streaming.exceptions import MarqueeError, NotFoundError


@click.command()
@click.argument("user", callback=some_id)
@click.argument("item", callback=some_id)
@click.argument("value", type=click.FloatRange(0.5, 5.0), required=False)
@click.option("--take-back", is_flag=True, help="take the rating back instead")
@AS_JSON
def command(user: str, item: str, value: float | None, take_back: bool, as_json: bool) -> None:
    """USER rates ITEM with VALUE, 0.5 to 5; 4 and more count as a like.

    Returns once Kafka has acknowledged it.

    \b
    Examples:
      marquee rate ml:1 ml:296 4.5
      marquee rate ml:1 ml:296 --take-back
    """
    if take_back == (value is not None):
        raise click.UsageError("give either VALUE or --take-back")
    if value is not None and math.isnan(value):
        raise click.UsageError("VALUE is no number")
    at = datetime.now(UTC).isoformat()
    with GatewayClient(load_settings()) as gateway:
        answer = gateway.rate(user, item, value, at)
        if as_json:
            print_json(answer)
        else:
            done = "taken back" if take_back else f"rated {value:g}"
            out().print(f"{item} {done} by {user}, acknowledged", markup=False, highlight=False)
        unknown = not take_back and _unknown(item, gateway)
    if unknown:
        err().print(
            f"no film {item} is known: its rating is kept, and counts once the film is sent",
            markup=False,
            highlight=False,
        )


def _unknown(item: str, gateway: GatewayClient) -> bool:
    """Whether the gateway says that there is no such film."""
    try:
        gateway.item(item)
    except NotFoundError:
        return True
    except MarqueeError:
        # the rating is in, whatever else fails
        return False
    return False
