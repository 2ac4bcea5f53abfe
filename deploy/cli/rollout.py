"""``marquee rollout``: a new model under live traffic, and a way back."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from deploy.cli.output import AS_JSON, bars, err, out, print_json, table
from deploy.cli.rollout_gates import evaluate, gate
from deploy.cli.rollout_moves import MOVES
from deploy.cli.rollout_options import FORCE, OPERATOR, REASON, require_reason
from deploy.cli.rollout_replay import replay
from deploy.cli.settings import load_settings, require_kafka
from streaming.exceptions import ConfigurationError, UnavailableError


@click.group()
def command() -> None:
    """Replace the model under live traffic, step by step, each with a way back.

    `start` prints the name of the space that it makes, `status` all of them; it ends in digits of its own.

    \b
    Examples:
      marquee rollout start item-encoder@6
      marquee rollout status
      marquee rollout shadow item-encoder-6-mean-a1b2c3
      marquee rollout canary item-encoder-6-mean-a1b2c3 --percent 5
      marquee rollout promote item-encoder-6-mean-a1b2c3
      marquee rollout rollback
    """


@command.command()
@click.argument("package")
@click.option(
    "--policy",
    type=click.Choice(["mean", "weighted"]),
    default="mean",
    show_default=True,
    help="how ratings become profiles; another policy of the same package is a space of its own",
)
@click.option(
    "--half-life",
    type=click.IntRange(0, 36_500),
    default=0,
    help="days after which a rating weighs half as much as a newer one of the same user; 0: never",
)
@click.option(
    "--promote", is_flag=True, help="then the champion: where nobody is served yet, or once ready by --force"
)
@FORCE
@click.option("--detach", is_flag=True, help="return once its worker may start; `rollout resume` waits")
@click.option("--no-verify", is_flag=True, help="without the gate `verify` before it; only with a --reason")
@click.option("--dry-run", is_flag=True, help="say what would be made, make nothing")
@OPERATOR
@REASON
@AS_JSON
def start(
    package: str,
    policy: str,
    half_life: int,
    promote: bool,
    force: bool,
    detach: bool,
    no_verify: bool,
    dry_run: bool,
    operator: str,
    reason: str,
    as_json: bool,
) -> None:
    """Create a space from PACKAGE (name or name@version), fill it and prove it, while others are served.

    The gate `verify` comes first: right outputs, and not much slower than the champion's engine (else exit
    code 11, and nothing was made). The checks in the end are those of `profiles check --space` and `items
    check --space`; `ready` is said only when both are clean (else exit code 7). Killed at any point, `marquee
    rollout resume` goes on.

    \b
    Examples:
      marquee rollout start item-encoder@5 --promote        # the first one of an installation
      marquee rollout start item-encoder@6 --reason "retrained with June"
      marquee rollout start item-encoder@5 --policy weighted --half-life 365 --detach
    """
    from deploy.rollout.resuming import Driver
    from deploy.rollout.starting import manifest_of, policy_for, require_item_encoder, serving_already
    from streaming.control.reader import read_control

    if promote and detach:
        raise ConfigurationError("--promote waits until the space is ready: not with --detach")
    if no_verify and not reason:
        raise ConfigurationError("--no-verify wants a --reason: it is kept in the history")
    require_reason(force, reason)
    settings = load_settings()
    require_item_encoder(settings, package)
    manifest = manifest_of(settings, package)
    chosen = policy_for(manifest.parameters, policy, half_life)
    if dry_run:
        told = {"package": manifest.reference, "dim": manifest.dim, "policy": chosen.label, "dry_run": True}
        try:
            same = serving_already(manifest, chosen, read_control(require_kafka(settings)))
        except UnavailableError:
            err().print("whether this serves already is not known: no Kafka answers")
        else:
            _warn_same(same, manifest.reference)
            told["serves_already"] = same
        if as_json:
            print_json(told)
        else:
            out().print(f"a space of {manifest.reference}, {manifest.dim} dimensions, policy {chosen.label}")
        return
    state = read_control(require_kafka(settings))
    if promote and not force and (route := state.route) is not None:
        raise ConfigurationError(
            f"{route.champion} is champion: leave --promote out, ask the gates, then `marquee rollout"
            " promote`; or say --force --reason WHY"
        )
    _warn_same(serving_already(manifest, chosen, state), manifest.reference)
    with bars(as_json) as progress:
        driver = Driver(settings, operator, reason, progress.step, progress.update, verify=not no_verify)
        space = driver.start(package, chosen)
        if promote and read_control(settings).route is None:
            space = driver.advance("install", space)
        elif not detach:
            space = driver.resume(space.space)
            if promote:
                space = driver.promote_ungated(space)
    _tell_space(space, as_json)


@command.command()
@click.argument("space", required=False)
@OPERATOR
@REASON
@AS_JSON
def resume(space: str | None, operator: str, reason: str, as_json: bool) -> None:
    """Go on where a start, abort or retire was interrupted: SPACE, or every one that is unfinished.

    \b
    Examples:
      marquee rollout resume
      marquee rollout resume item-encoder-6-mean-a1b2c3 --json
    """
    from deploy.rollout.resuming import Driver, unfinished
    from streaming.control.reader import read_control

    settings = require_kafka(load_settings())
    names = [space] if space else [one.space for one in unfinished(read_control(settings))]
    with bars(as_json) as progress:
        driver = Driver(settings, operator, reason, progress.step, progress.update)
        done = [driver.resume(name) for name in names]
    if as_json:
        print_json({"spaces": [msgspec.to_builtins(one) for one in done]})
        return
    if not done:
        out().print("nothing is unfinished")
    for one in done:
        _tell_space(one, False)


@command.command()
@AS_JSON
def status(as_json: bool) -> None:
    """Every space and its state, the route, and which processes run an older revision.

    \b
    Example:
      marquee rollout status --json
    """
    from deploy.rollout.changes import route_text
    from deploy.rollout.gates.verdicts import gates_text
    from deploy.rollout.machine import commands
    from deploy.rollout.reports import processes
    from deploy.rollout.resuming import unfinished
    from streaming.control.presence import read_presence
    from streaming.control.reader import read_control

    settings = require_kafka(load_settings())
    state = read_control(settings)
    rows = processes(read_presence(settings), state.revision)
    if as_json:
        built_in = msgspec.to_builtins({"route": state.route, "spaces": list(state.spaces.values())})
        print_json(
            {"revision": state.revision, **built_in, "processes": [msgspec.to_builtins(r) for r in rows]}
            | {"unfinished": [space.space for space in unfinished(state)]}
        )
        return
    spaces: list[list[Any]] = [
        [
            s.space,
            f"{s.package}@{s.version}",
            s.policy.label,
            s.state,
            gates_text(s),
            ", ".join(commands(s.state)),
        ]
        for s in state.spaces.values()
        if not s.dropped
    ]
    out().print(f"revision {state.revision}: {route_text(state.route)}", markup=False, soft_wrap=True)
    out().print(table("", ["space", "package", "policy", "state", "gates", "next"], spaces))
    columns = ["process", "instance", "host", "revision", "heard of", "remark"]
    cells = [[r.role, r.instance, r.host, r.revision, f"{r.age_s:.1f} s ago", r.remark] for r in rows]
    out().print(table("", columns, cells, right=[3]))
    for space in unfinished(state):
        out().print(f"unfinished: marquee rollout resume {space.space}", markup=False, soft_wrap=True)


@command.command()
@click.argument("space", required=False)
@AS_JSON
def history(space: str | None, as_json: bool) -> None:
    """Who moved what when and why: of SPACE, or of all; oldest first.

    \b
    Examples:
      marquee rollout history
      marquee rollout history item-encoder-6-mean-a1b2c3 --json
    """
    from deploy.rollout.reports import moves
    from streaming.control.reader import read_control

    rows = moves(read_control(require_kafka(load_settings())), space)
    if as_json:
        print_json({"moves": [msgspec.to_builtins(row) for row in rows]})
        return
    columns = ["revision", "at", "space", "became", "%", "operator", "reason"]
    cells = [[r.revision, r.at, r.space, r.state, r.percent, r.operator, r.reason] for r in rows]
    out().print(table("", columns, cells, right=[0, 4]))


@command.command()
@click.argument("one")
@click.argument("other")
@AS_JSON
def diff(one: str, other: str, as_json: bool) -> None:
    """What is different between two spaces: package, policy, training data and metrics.

    \b
    Example:
      marquee rollout diff item-encoder-1-mean-a1b2c3 item-encoder-6-mean-d4e5f6
    """
    from deploy.rollout.moves import find
    from deploy.rollout.reports import differences
    from deploy.rollout.starting import manifest_of
    from streaming.control.reader import read_control

    settings = require_kafka(load_settings())
    state = read_control(settings)
    first, second = find(state, one), find(state, other)
    manifests = [manifest_of(settings, f"{space.package}@{space.version}") for space in (first, second)]
    rows = differences((first, second), (manifests[0], manifests[1]))
    if as_json:
        print_json({"differences": {name: [first, second] for name, first, second in rows}})
    else:
        out().print(table("", ["what", one, other], rows))


def _warn_same(champion: str | None, reference: str) -> None:
    if champion is not None:
        err().print(
            f"warning: {reference} with this policy is what serves already ({champion}): another space of it"
            " answers alike. A new model has a version of its own (`marquee train space --version`)",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _tell_space(space: Any, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(space).decode())
    else:
        dropped = ", everything it owned is dropped" if space.dropped else ""
        out().print(f"{space.space} is {space.state}{dropped}", markup=False, soft_wrap=True)
    if space.state == "backfilling":
        err().print(f"to wait for it: marquee rollout resume {space.space}", markup=False, soft_wrap=True)


for move in (*MOVES, gate, evaluate, replay):
    command.add_command(move)
