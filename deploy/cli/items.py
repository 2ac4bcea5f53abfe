"""``marquee items``: every film has a vector or a reason, and every item row is its vector."""

from __future__ import annotations

import sys

import click

from deploy.checks.findings import ItemFindings, films_behind
from deploy.cli.output import AS_JSON, out, print_json, table, working
from deploy.cli.settings import load_settings, require_kafka
from deploy.cli.spaces import SPACE, live_spaces


@click.group()
def command() -> None:
    """Check item vectors and rows.

    \b
    Examples:
      marquee items check
      marquee items check --space item-encoder-1-mean-a1b2c3 --json
    """


@command.command()
@SPACE
@click.option(
    "--wait",
    default=5.0,
    show_default=True,
    help="seconds in which what differs is looked at again, once all queued films are indexed; 0: one look",
)
@AS_JSON
def check(space: str | None, wait: float, as_json: bool) -> None:
    """Films -> vectors -> rows of every live space, recomputed. Exit code 1 on any difference.

    Films that were sent a moment ago have no vector yet: they are waited for as long as the indexer goes on.

    \b
    Example:
      marquee items check --wait 30
    """
    from deploy.checks.findings import as_json as plain
    from deploy.checks.items import ItemCheck

    settings = require_kafka(load_settings())
    findings = []
    with working("reading control.v1", as_json) as tell:
        for one in live_spaces(settings, space):
            findings.append(ItemCheck(settings, one, wait, tell, patient=wait > 0).run())
    clean = all(found.clean for found in findings)
    if as_json:
        print_json({"clean": clean, "spaces": [plain(found) for found in findings]})
    else:
        columns = (
            "space",
            "films",
            "vectors",
            "refused",
            "no vector",
            "queued",
            "vector only",
            "rows",
            "missing",
            "differ",
            "orphans",
        )
        rows = [
            (
                f.space, f.items, f.vectors, f.refused, len(f.without_vector) - len(f.queued), len(f.queued),
                len(f.vector_without_item), f.rows, len(f.missing), len(f.differing), len(f.orphans),
            )
            for f in findings
        ]  # fmt: skip
        out().print(table("films", columns, rows, right=range(1, 11)))
        for f in findings:
            queued = set(f.queued)
            if line := still_indexing(f):
                out().print(line, markup=False)
            for name in ("without_vector", "vector_without_item", "missing", "differing", "orphans"):
                # those in the queue are no fault of anybody
                if ids := [i for i in getattr(f, name) if i not in queued]:
                    out().print(f"{f.space}, {name.replace('_', ' ')}: {', '.join(ids[:10])}", markup=False)
    sys.exit(0 if clean else 1)


def still_indexing(found: ItemFindings) -> str | None:
    """That films wait for the indexer, in words; None where none does."""
    if not found.queued:
        return None
    behind = films_behind(len(found.queued))
    return f"{found.space} is still indexing: {behind}; `marquee stack status` says whether it goes on"
