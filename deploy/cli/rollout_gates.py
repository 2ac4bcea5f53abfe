"""``marquee rollout gate``: numbers with intervals against versioned limits, each gate its own exit code."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from deploy.cli.output import AS_JSON, out, print_json, table, working
from deploy.cli.paths import GivenPath
from deploy.cli.rollout_options import OPERATOR, REASON
from deploy.cli.settings import load_settings, require_kafka
from streaming.settings import Settings

LIMITS = click.option(
    "--limits",
    type=GivenPath(path_type=Path, dir_okay=False),
    help="another file of limits than deploy/gates.toml",
)
TIMEOUT = click.option(
    "--timeout", default=600.0, show_default=True, help="seconds until it gives up undecided (exit code 10)"
)


@click.group("gate")
def gate() -> None:
    """Judge a space by numbers. Exit code 0 passed, 10 undecided; failed: 11 verify, 12 evaluate, 13 shadow,
    14 canary; 15 where `evaluate` has nothing fair to go by.

    \b
    Examples:
      marquee rollout gate verify item-encoder-6-mean-a1b2c3
      marquee rollout gate evaluate item-encoder-6-mean-a1b2c3
      marquee rollout gate shadow item-encoder-6-mean-a1b2c3 --timeout 300
      marquee rollout gate canary item-encoder-6-mean-a1b2c3 --auto --json
    """


@gate.command()
@click.argument("space")
@LIMITS
@OPERATOR
@AS_JSON
def verify(space: str, limits: Path | None, operator: str, as_json: bool) -> None:
    """The engine that would serve SPACE: right, and as fast as the champion's?

    \b
    Example:
      marquee rollout gate verify item-encoder-6-mean-a1b2c3
    """
    from deploy.rollout.gates.limits import FILE, load_limits
    from deploy.rollout.gates.verifying import verify_gate
    from deploy.rollout.moves import find
    from deploy.rollout.starting import built
    from streaming.control.reader import read_control

    settings = require_kafka(load_settings())
    wanted = load_limits(limits or FILE)
    state = read_control(settings)
    document = find(state, space)
    package = built(settings, f"{document.package}@{document.version}")
    champion = state.spaces.get(state.route.champion) if state.route else None
    other = built(settings, f"{champion.package}@{champion.version}") if champion else None
    with working("running engines by turns", as_json):
        found = verify_gate(package, other, wanted, space)
    _record(settings, found, operator)
    _tell(found, {}, as_json)


@gate.command()
@click.argument("space")
@click.option(
    "--cut-off",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]),
    help="only ratings after this, UTC; by default after the later of both packages' training data",
)
@click.option("--auto", is_flag=True, help="abort the space if it fails")
@LIMITS
@OPERATOR
@REASON
@AS_JSON
def evaluate(
    space: str,
    cut_off: datetime | None,
    auto: bool,
    limits: Path | None,
    operator: str,
    reason: str,
    as_json: bool,
) -> None:
    """What users came to like since both packages were trained: would SPACE have shown it as well?

    Profiles are built without those ratings, vectors are those that are served. NDCG@10 and Recall@10 of the
    champion less those of SPACE for the same users: all, on films that are in neither item table, for users
    with few likes; and overlap@10, coverage, diversity. Exit code 15: too few such ratings yet, or a package
    was trained past --cut-off.

    \b
    Examples:
      marquee rollout evaluate item-encoder-6-mean-a1b2c3
      marquee rollout evaluate item-encoder-6-mean-a1b2c3 --auto --json
    """
    from deploy.rollout.gates.comparing import evaluate_gate
    from deploy.rollout.gates.limits import FILE, load_limits

    settings = require_kafka(load_settings())
    since = None if cut_off is None else int(cut_off.replace(tzinfo=UTC).timestamp() * 1000)
    with working("reading", as_json) as tell:
        found = evaluate_gate(settings, space, load_limits(limits or FILE), since, tell)
    _record(settings, found, operator)
    _tell(found, _act(settings, found, operator, reason, limits) if auto else {}, as_json)


@gate.command()
@click.argument("space")
@click.option("--auto", is_flag=True, help="abort the space if it fails")
@TIMEOUT
@LIMITS
@OPERATOR
@REASON
@AS_JSON
def shadow(space: str, **options: Any) -> None:
    """Mirrored lookups: errors, empty answers, lost profiles, latency, overlap@k with what users saw.

    \b
    Example:
      marquee rollout gate shadow item-encoder-6-mean-a1b2c3 --timeout 300
    """
    _watch("shadow", space, **options)


@gate.command()
@click.argument("space")
@click.option("--auto", is_flag=True, help="abort the space if it fails, promote it if it passes")
@TIMEOUT
@LIMITS
@OPERATOR
@REASON
@AS_JSON
def canary(space: str, **options: Any) -> None:
    """Canary users against all others at the same time, by intervals that hold at every look.

    \b
    Example:
      marquee rollout gate canary item-encoder-6-mean-a1b2c3 --auto
    """
    _watch("canary", space, **options)


def _watch(
    name: str,
    space: str,
    *,
    auto: bool,
    timeout: float,
    limits: Path | None,
    operator: str,
    reason: str,
    as_json: bool,
) -> None:
    from deploy.rollout.gates.limits import FILE, load_limits
    from deploy.rollout.gates.watching import watch

    settings = require_kafka(load_settings())
    with working("waiting for lookups", as_json) as tell:
        found = watch(
            settings,
            name,
            space,
            load_limits(limits or FILE),
            timeout,
            lambda now: tell(f"{now.rows[0].count} lookups, {now.verdict}"),
        )
    _record(settings, found, operator)
    done = _act(settings, found, operator, reason, limits) if auto else {}
    _tell(found, done, as_json)


def _record(settings: Settings, found: Any, operator: str) -> None:
    """Keep the verdict in the space's document, for `rollout promote` and `rollout status`."""
    from deploy.rollout.gates.recording import record

    record(settings, found, operator)


def _act(settings: Settings, found: Any, operator: str, reason: str, limits: Path | None) -> dict[str, Any]:
    """What ``--auto`` does about a verdict."""
    from deploy.rollout.changes import make, plan
    from deploy.rollout.gates.limits import FILE, load_limits
    from deploy.rollout.gates.verdicts import missing
    from deploy.rollout.resuming import Driver

    if found.verdict == "failed":
        why = reason or f"gate {found.name} failed: {', '.join(found.failed)}"
        make(settings, plan(settings, "abort", found.space), operator, why)
        dropped = Driver(settings, operator, why).resume(found.space).dropped
        return {"aborted": found.space, "dropped": dropped}
    if found.verdict == "passed" and found.name == "canary":
        planned = plan(settings, "promote", found.space)
        left = missing(planned.before, found.space, load_limits(limits or FILE).promote)
        if left:
            return {"not_promoted": "; ".join(left)}
        make(settings, planned, operator, reason or "gate canary passed")
        return {"promoted": found.space}
    return {}


def _tell(found: Any, done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        rows = [msgspec.to_builtins(row) | {"verdict": row.verdict} for row in found.rows]
        print_json(msgspec.to_builtins(found) | {"rows": rows, "verdict": found.verdict} | done)
    else:
        title = f"{found.name}: {found.space} against {found.against}, limits {found.version}"
        cells = [
            [r.name, r.estimate, r.low, r.high, f"{r.sense} {r.limit:g}", r.count, r.verdict]
            for r in found.rows
        ]
        columns = ["figure", "estimate", "from", "to", "wanted", "of", "verdict"]
        out().print(table(title, columns, cells, right=[1, 2, 3, 5]))
        out().print(found.verdict)
        for remark in found.remarks:
            out().print(remark, markup=False, soft_wrap=True)
        for what, value in done.items():
            out().print(f"{what}: {value}", markup=False, soft_wrap=True)
    sys.exit(found.exit_code)
