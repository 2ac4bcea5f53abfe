"""``marquee kpi``: what became of recommendations, by space."""

from __future__ import annotations

import time

import click
import msgspec

from deploy.cli.output import AS_JSON, out, print_json, table, working
from deploy.cli.settings import load_settings, require_kafka
from deploy.words import counted


@click.command()
@click.option("--hours", type=float, help="only the last so many; by default all that is retained (6 days)")
@click.option("--against", help="the space that others are compared with; the champion by default")
@AS_JSON
def command(hours: float | None, against: str | None, as_json: bool) -> None:
    """The share of answers with an impression, a click, a like: by space, with 95% intervals.

    From what gateways answered (served.v1) and what apps sent to POST /v1/events. Two spaces that served
    different users at the same time (a canary) make an A/B test; users count as independent, answers do
    not. The intervals are for one look: who looks again and again uses `rollout gate canary`.

    \b
    Examples:
      marquee kpi
      marquee kpi --hours 24 --json
    """
    from deploy.rollout.attribution import differences, kpis
    from deploy.rollout.feedback import read_feedback
    from streaming.control.reader import read_control

    settings = require_kafka(load_settings())
    since_ms = 0 if hours is None else int((time.time() - 3600 * hours) * 1000)
    with working("reading answers and events", as_json):
        joined, passed_over = read_feedback(settings, since_ms)
        route = read_control(settings).route
    base = against or (route.champion if route else "")
    rates, gaps = kpis(joined), differences(joined, base) if base in joined.spaces() else []
    if as_json:
        print_json(
            {
                "rates": [msgspec.to_builtins(row) for row in rates],
                "against": base,
                "differences": [msgspec.to_builtins(row) for row in gaps],
                "unmatched_events": joined.unmatched(),
                "unreadable": passed_over,
            }
        )
        return
    columns = ["space", "event", "users", "answers", "rate", "from", "to"]
    for title, rows in (("share of answers with", rates), (f"less that of {base}", gaps)):
        cells = [[r.space, r.kind, r.users, r.answers, r.estimate, r.low, r.high] for r in rows]
        if cells:
            out().print(table(title, columns, cells, right=range(2, 7)))
    if not rates:
        out().print("nothing was answered yet")
    out().print(left_out(joined.unmatched(), passed_over))


def left_out(unmatched: int, unreadable: int) -> str:
    """What is in no rate, in words."""
    events = f"{counted(unmatched, 'event')} {'belongs' if unmatched == 1 else 'belong'}"
    return f"{events} to no answer, {counted(unreadable, 'record')} could not be read"
