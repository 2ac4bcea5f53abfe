"""``marquee profiles``: check, repair, rebuild or erase user profiles."""

from __future__ import annotations

import getpass
import sys
from typing import Any

import click

from deploy.checks.findings import LogFindings, UserRowFindings
from deploy.cli.ids import removable_id
from deploy.cli.output import AS_JSON, out, print_json, table, working
from deploy.cli.settings import load_settings, require_kafka
from deploy.cli.spaces import SPACE, live_spaces


@click.group()
def command() -> None:
    """Check, repair, rebuild or erase user profiles.

    \b
    Examples:
      marquee profiles check
      marquee profiles repair --timeout 120
      marquee profiles erase ml:1 --prove
    """


@command.command()
@SPACE
@click.option(
    "--wait", default=5.0, show_default=True, help="seconds in which what differs is looked at again"
)
@AS_JSON
def check(space: str | None, wait: float, as_json: bool) -> None:
    """Recompute documents from the log and rows from documents and vectors. Exit code 1 on any difference.

    The code that recomputes shares nothing with the ledger and the workers. Where a log no longer
    reaches back to its beginning, what it retains is folded onto the documents, which must change nothing.

    \b
    Examples:
      marquee profiles check
      marquee profiles check --space item-encoder-1-mean-a1b2c3 --wait 60 --json
    """
    from deploy.checks.users import UserCheck

    settings = require_kafka(load_settings())
    with working("reading control.v1", as_json) as tell:
        found = UserCheck(settings, live_spaces(settings, space), wait, tell).run()
    spaces = list(found.rows.values())
    clean = found.log.clean and all(one.clean for one in spaces)
    if as_json:
        print_json(findings_json(found.log, spaces) | {"clean": clean})
    else:
        print_findings(found.log, spaces)
    sys.exit(0 if clean else 1)


@command.command()
@SPACE
@click.option("--timeout", default=180.0, show_default=True, help="seconds until it gives up")
@AS_JSON
def repair(space: str | None, timeout: float, as_json: bool) -> None:
    """Have the owners recompute every row, and wait for a clean check.

    Rows are only ever written by the worker that owns them; this asks it. Exit code 1 where something
    still differs in the end.

    \b
    Example:
      marquee profiles repair --space item-encoder-1-mean-a1b2c3
    """
    from deploy.checks.findings import as_json as plain
    from deploy.checks.repair import repair as mend

    settings = require_kafka(load_settings())
    with working("reading control.v1", as_json) as tell:
        done = mend(settings, live_spaces(settings, space), timeout, tell)
    assert done.log is not None
    if as_json:
        items = [plain(one) for one in done.items]
        report = findings_json(done.log, done.users) | {"items": items, "asked": done.asked}
        print_json(report | {"clean": done.clean, "seconds": round(done.seconds, 2)})
    else:
        workers = sum(map(len, done.asked.values()))
        print_findings(done.log, done.users)
        out().print(
            f"{workers} workers asked, {'clean' if done.clean else 'NOT clean'} after {done.seconds:.1f} s"
        )
    sys.exit(0 if done.clean else 1)


@command.command()
@SPACE
@AS_JSON
def rebuild(space: str | None, as_json: bool) -> None:
    """Move users to a new Milvus collection, so that nothing of erased ones is left in the files of the old.

    The worker fills it from the documents and drops the old one; lookups go on meanwhile. The local stack
    does this by itself before an erasure's deadline (`erasure.deadline_days`).

    \b
    Example:
      marquee profiles rebuild --space item-encoder-1-mean-a1b2c3
    """
    from deploy.generations import raise_generation

    settings = require_kafka(load_settings())
    raised = [
        raise_generation(settings, one.space, getpass.getuser(), "profiles rebuild")
        for one in live_spaces(settings, space)
    ]
    if as_json:
        print_json({"spaces": [{"space": one.space, "generation": one.generation} for one in raised]})
    for one in [] if as_json else raised:
        out().print(f"{one.space}: users move to generation {one.generation}", markup=False)


@command.command()
@click.argument("user", callback=removable_id)
@click.option("--prove", is_flag=True, help="then search every topic and local file for what is left")
@AS_JSON
def erase(user: str, prove: bool, as_json: bool) -> None:
    """Forget USER: his document, his rows, his share of what is popular; the logs follow by retention.

    With --prove every record of every topic is decoded and every file under $MARQUEE_HOME searched; the
    answer says what is left and until when. Exit code 1 where something is left that nothing ends.

    \b
    Example:
      marquee profiles erase ml:1 --prove
    """
    from deploy.cli.client import GatewayClient

    settings = require_kafka(load_settings())
    with GatewayClient(settings) as gateway:
        gateway.delete_user(user)
    if not prove:
        if as_json:
            print_json({"user_id": user, "erased": True})
        else:
            out().print(f"{user} is erased; later ratings begin a new user", markup=False)
        return
    from deploy.checks.traces import find_traces

    with working("searching", as_json) as tell:
        found = find_traces(settings, user, tell)
    if as_json:
        print_json({"user_id": user, "erased": True} | found.as_json())
    else:
        rows = [(t.where, t.what, t.count, t.ends or "nothing ends it") for t in found.traces]
        out().print(table("what is left", ("where", "what", "traces", "until"), rows, right=[2]))
        out().print(found.sentence)
    sys.exit(0 if found.all_end else 1)


def findings_json(log: LogFindings, spaces: list[UserRowFindings]) -> dict[str, Any]:
    """Both parts for programs."""
    from deploy.checks.findings import as_json

    return {"log": as_json(log), "spaces": [as_json(one) for one in spaces]}


def print_findings(log: LogFindings, spaces: list[UserRowFindings]) -> None:
    """Both parts for people."""
    whole = f"{log.whole} of {log.partitions}"
    columns = ("users", "records", "not counted", "whole partitions", "documents that differ")
    row = (log.users, log.records, log.refused, whole, len(log.differing))
    out().print(table("log -> documents", columns, [row], right=range(5)))
    rows = [
        (s.space, s.users, s.vectors, s.max_relative_error, len(s.missing), len(s.stale), len(s.orphans))
        for s in spaces
    ]
    columns_2 = ("space", "users", "vectors", "largest relative error", "missing", "stale", "orphans")
    out().print(table("documents x vectors -> rows", columns_2, rows, right=range(1, 7)))
    for name, ids in [("differing documents", log.differing)] + [
        (f"{s.space}, {kind}", getattr(s, kind)) for s in spaces for kind in ("missing", "stale", "orphans")
    ]:
        if ids:
            out().print(f"{name}: {', '.join(ids[:10])}", markup=False)
