"""The last scenes: everything recomputed, the table of figures, what to try next."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from deploy.checks.items import ItemCheck
from deploy.checks.users import UserCheck
from deploy.cli.output import cell_text, table, working
from deploy.cli.profiles import print_findings
from deploy.demo.loading import items_indexed
from deploy.demo.stage import Stage
from streaming.control.reader import read_control
from streaming.milvus.client import MilvusStore

CHECK_WAIT_S = 30.0


def check(stage: Stage) -> None:
    """``profiles check`` and ``items check`` over every live space; their figures into the report."""
    settings = stage.settings
    spaces = list(read_control(settings).live.values())
    with working("recomputing", console=stage.console) as tell:
        users = UserCheck(settings, spaces, CHECK_WAIT_S, tell).run()
        films = [ItemCheck(settings, space, CHECK_WAIT_S, tell).run() for space in spaces]
    rows = list(users.rows.values())
    print_findings(users.log, rows)
    store = MilvusStore(settings)
    stage.report.add(
        profiles_checked=sum(found.users for found in rows),
        max_relative_error=max([found.max_relative_error for found in rows], default=None),
        documents_differing=len(users.log.differing),
        stale=sum(len(found.stale) for found in rows) + sum(len(found.differing) for found in films),
        missing=sum(len(found.missing) for found in rows)
        + sum(len(found.missing) + len(found.without_vector) for found in films),
        orphans=sum(len(found.orphans) for found in rows)
        + sum(len(found.orphans) + len(found.vector_without_item) for found in films),
        items_indexed=items_indexed(stage, store),
    )
    store.close()


def figures(stage: Stage) -> None:
    """Rates and latencies, and what had to hold."""
    value = stage.report.values.get
    freshness, lookups = value("rating_to_recommendation_ms") or {}, value("lookup_ms") or {}
    rows = [
        ("ratings a second through Kafka and ledger", value("ledger_events_per_second")),
        (
            "films a second through the encoder",
            value("items_per_second") or "too few were sent to say",
        ),
        ("rating to changed answer, ms p50 / p99", _pair(freshness)),
        ("lookup over HTTP, ms p50 / p99", _pair(lookups)),
        ("new film to findable, ms", value("item_to_recommendation_ms")),
        ("largest relative error of a profile", value("max_relative_error")),
    ]
    stage.console.print(table("rates and latencies", ("what", "value"), rows, right=[1]))
    conditions = [(c.name, cell_text(c.value), c.wanted, c.met) for c in stage.report.conditions()]
    stage.console.print(table("what must hold", ("what", "value", "wanted", "holds"), conditions, right=[1]))


def _pair(of: dict[str, float]) -> str:
    return f"{of['p50']:.1f} / {of['p99']:.1f}" if of else "not measured"


def what_next(stage: Stage) -> None:
    """Where to go from here, as long as the stack stays up."""
    stage.say(
        f"the gateway answers at [bold]{stage.gateway.url}[/], its endpoints at {stage.gateway.url}/docs"
    )
    for line in (
        *on_path(),
        "marquee recommend ml:1 --explain",
        "marquee similar ml:296",
        "marquee rate me ml:296 5 && marquee recommend me",
        'eval "$(marquee config gateway)"   # address and key, for programs',
        'curl -H "X-API-Key: $KEY" "$GATEWAY/v1/users/ml:1/recommendations?k=3"',
        "marquee stack status",
        "marquee stack down",
    ):
        stage.console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def what_stays() -> list[str]:
    """What to know after a demo that was interrupted."""
    return [
        "the stack stays up: `make demo` goes on with what is there, `marquee stack down` ends it",
        *(f"  {line}   # makes `marquee` a command of this shell" for line in on_path()),
    ]


def on_path() -> list[str]:
    """What must be typed before `marquee` is a command of the shell; nothing where it is."""
    if shutil.which("marquee"):
        return []
    activate = Path(sys.prefix) / "bin" / "activate"
    here = Path.cwd()
    return [f". {activate.relative_to(here) if activate.is_relative_to(here) else activate}"]
