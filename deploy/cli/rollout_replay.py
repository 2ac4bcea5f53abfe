"""``marquee rollout replay``: traffic for rehearsals, and whether every answer held."""

from __future__ import annotations

import sys
import threading

import click

from deploy.cli.output import AS_JSON, bars, out, print_json, table
from deploy.cli.paths import GivenPath
from deploy.cli.settings import load_settings, require_kafka
from deploy.cli.stopping import INTERRUPTED


@click.command()
@click.option("--rate", type=click.FloatRange(0.1), default=20.0, show_default=True, help="lookups a second")
@click.option("--duration", type=click.FloatRange(1), default=60.0, show_default=True, help="seconds")
@click.option(
    "--from",
    "source",
    type=GivenPath(),
    default="shipped",
    show_default=True,
    help="shipped, a folder of ratings (MovieLens or an export), or a recording (.jsonl)",
)
@click.option(
    "--gaps",
    type=click.Choice(["even", "data"]),
    default="even",
    show_default=True,
    help="between visits: all alike, or those of the data or recording, which come in bursts",
)
@click.option("--skip", type=click.IntRange(0), default=0, help="leave out so many visits first")
@click.option("--prefix", default="", help="before each user id: copies of people instead of themselves")
@click.option("--only-lookups", is_flag=True, help="nobody rates or reacts, so that nothing changes")
@click.option("--url", "urls", multiple=True, help="of a gateway; may be given again; default the setting")
@AS_JSON
def replay(
    rate: float,
    duration: float,
    source: str,
    gaps: str,
    skip: int,
    prefix: str,
    only_lookups: bool,
    urls: tuple[str, ...],
    as_json: bool,
) -> None:
    """Let people of a data set look up, react and rate, through the gateway's HTTP.

    Each visit is a lookup, an impression, a click and a like where the answer names a film that the visitor
    comes to like, and his next rating, as of now. Every answer by profile is recomputed from the user
    document and the vectors of the space that it names: one that is not explained is `mixed`. Exit code 1 if
    any failed or was mixed; Ctrl-C ends it with its report (130).

    A recording holds one JSON object a line: {"at": 0.4, "user_id": "u1", "item_id": "ml:296", "value": 4.5}.

    \b
    Examples:
      marquee rollout replay --rate 50 --duration 600 --prefix rehearsal:
      marquee rollout replay --from shipped --only-lookups --json
    """
    from deploy.rollout.replay import Player, load_script

    script, settings = load_script(source), require_kafka(load_settings())
    visits = script.timed(rate, duration, skip, prefix, even=gaps == "even")
    likes = {prefix + user: liked for user, liked in script.likes.items()}
    interrupted = False
    with bars(as_json) as progress:
        player = Player(settings, visits, likes, urls, progress.update, quiet=only_lookups)
        ended = threading.Event()

        def play() -> None:
            try:
                player.play()
            finally:
                ended.set()

        threading.Thread(target=play, name="replay").start()
        try:
            # not join(): a Ctrl-C in it makes Python 3.11 take a living thread for ended
            while not ended.wait(0.2):
                pass
        except KeyboardInterrupt:
            interrupted = True
            player.stop()
            ended.wait()
    summary = player.result.summary()
    if as_json:
        print_json(summary | {"interrupted": interrupted})
    else:
        out().print(table("replayed", ("what", "value"), _rows(summary), right=[1]))
    sys.exit(INTERRUPTED if interrupted else 0 if player.result.clean else 1)


def _rows(summary: dict[str, object]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for name, value in summary.items():
        if isinstance(value, dict):
            rows += [(f"{name} {inner}", one) for inner, one in value.items()]
        else:
            rows.append((name, value))
    return rows
