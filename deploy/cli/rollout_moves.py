"""``marquee rollout shadow | canary | promote | rollback | abort | retire``: one revision each."""

from __future__ import annotations

import time
from typing import Any

import click
import msgspec

from deploy.cli.output import bars, err, out, print_json
from deploy.cli.rollout_options import FORCE, change_options, confirm, require_reason
from deploy.cli.settings import load_settings, require_kafka

SPACE = click.argument("space")
DROPS = "then its groups, topic, collections and (if nobody else needs it) model version are dropped"


@click.command()
@SPACE
@change_options
def shadow(space: str, **options: Any) -> None:
    """Mirror lookups to SPACE: it is asked too, behind the users' backs, and nobody sees its answers.

    \b
    Example:
      marquee rollout shadow item-encoder-6-mean-a1b2c3 --reason "retrained with June"
    """
    _carry_out("shadow", space, **options)


@click.command()
@SPACE
@click.option("--percent", type=float, required=True, help="share of the users, above 0 and at most 100")
@change_options
def canary(space: str, percent: float, **options: Any) -> None:
    """Answer a share of the users from SPACE: always the same ones, and who is in stays in as it grows.

    \b
    Examples:
      marquee rollout canary item-encoder-6-mean-a1b2c3 --percent 5
      marquee rollout canary item-encoder-6-mean-a1b2c3 --percent 25 --yes
    """
    _carry_out("canary", space, percent, **options)


@click.command()
@SPACE
@FORCE
@change_options
def promote(space: str, **options: Any) -> None:
    """Make SPACE the champion; the one before stays standby and is still written, for the way back.

    Refused (exit code 16) while a gate that deploy/gates.toml asks for under [promote] has not passed
    against the present champion.

    \b
    Examples:
      marquee rollout promote item-encoder-6-mean-a1b2c3 --yes --json
      marquee rollout promote item-encoder-6-mean-a1b2c3 --force --reason "nobody rates on Sundays"
    """
    _carry_out("promote", space, **options)


@click.command()
@click.option("--to", "space", help="the standby to go back to; by default the one that was champion last")
@change_options
def rollback(space: str | None, **options: Any) -> None:
    """Give everybody back to the former champion, at once: nothing has to be loaded or filled.

    \b
    Examples:
      marquee rollout rollback
      marquee rollout rollback --yes --reason "complaints about reruns"
    """
    _carry_out("rollback", space, **options)


@click.command()
@SPACE
@change_options
def abort(space: str, **options: Any) -> None:
    """Give SPACE up before it was champion: its users go back to the champion, what it owns is dropped.

    After a kill `marquee rollout resume` goes on dropping.

    \b
    Example:
      marquee rollout abort item-encoder-6-mean-a1b2c3 --reason "overlap below 0.2"
    """
    _carry_out("abort", space, **options)


@click.command()
@SPACE
@change_options
def retire(space: str, **options: Any) -> None:
    """Drop a former champion whole; refused (exit code 6) while any user may be answered from it.

    After a kill `marquee rollout resume` goes on dropping.

    \b
    Example:
      marquee rollout retire item-encoder-1-mean-a1b2c3
    """
    _carry_out("retire", space, **options)


def _carry_out(
    move: Any,
    space: str | None,
    percent: float | None = None,
    *,
    operator: str,
    reason: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    force: bool = False,
) -> None:
    """Plan, ask, write, and wait until every gateway goes by it."""
    from deploy.rollout.changes import make, plan
    from deploy.rollout.gates.limits import load_limits
    from deploy.rollout.gates.verdicts import forced_reason, require_passed
    from deploy.rollout.presence import GATEWAY, Followers
    from deploy.rollout.resuming import Driver

    require_reason(force, reason)
    settings = require_kafka(load_settings())
    planned = plan(settings, move, space, percent)
    lines = planned.lines()
    if move == "promote" and planned.written:
        wanted = load_limits().promote
        if force:
            reason = forced_reason(planned.before, planned.space, wanted, reason)
            lines.append(f"reason: {reason}")
        else:
            require_passed(planned.before, planned.space, wanted)
    drops = move in ("abort", "retire")
    if drops:
        lines.append(f"{planned.space}: {DROPS}")
    result: dict[str, Any] = {"move": move, "space": planned.space, "changes": lines, "dry_run": dry_run}
    if dry_run:
        after = planned.after
        result |= {"revision": planned.before.revision, "route": msgspec.to_builtins(after.route)}
        _tell(result, as_json, *(lines or [f"nothing: {planned.space} is there already"]))
        return
    if planned.written:
        confirm(lines, yes)
    with Followers(settings) as followers:
        began = time.monotonic()
        after = make(settings, planned, operator, reason)
        seen = followers.wait(after.revision, began, GATEWAY)
    result |= {
        "revision": after.revision,
        "route": msgspec.to_builtins(after.route),
        "gateways": seen.processes,
        "seen_ms": seen.ms,
        "lagging": list(seen.lagging),
    }
    if drops:
        with bars(as_json) as progress:
            driver = Driver(settings, operator, reason, progress.step, progress.update)
            result["dropped"] = driver.resume(planned.space).dropped
    state = after.spaces[planned.space].state
    result["state"] = state
    if seen.lagging:
        names = ", ".join(seen.lagging)
        err().print(f"not seen yet by {names}; `marquee rollout status` tells when", markup=False)
    _tell(result, as_json, f"{planned.space} is {state} (revision {after.revision}, {_seen(seen)})")


def _seen(seen: Any) -> str:
    if not seen.processes:
        return "no gateway runs"
    return f"seen by {seen.processes - len(seen.lagging)} of {seen.processes} gateways" + (
        "" if seen.ms is None else f" within {seen.ms:.0f} ms"
    )


def _tell(result: dict[str, Any], as_json: bool, *lines: str) -> None:
    if as_json:
        print_json(result)
    else:
        for line in lines:
            out().print(line, markup=False, highlight=False, soft_wrap=True)


MOVES = (shadow, canary, promote, rollback, abort, retire)
