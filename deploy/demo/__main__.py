"""``python -m deploy.demo``: all of Marquee on real parts, from nothing to figures (``make demo``).

Exit code 0 only if everything that must hold does. ``DEMO_EXIT=1`` takes the stack down in the end,
``DEMO_PORT_BASE`` is the first of its ports where the usual ones are taken.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from deploy.cli.client import GatewayClient
from deploy.cli.output import out, working
from deploy.cli.settings import load_settings
from deploy.cli.stopping import INTERRUPTED
from deploy.demo import closing, loading, newfilm, people, searching
from deploy.demo.engine import fastest_engine, make_engine, serving_engine
from deploy.demo.report import Report
from deploy.demo.stage import Stage, marquee, until
from deploy.stack.control import supervisor_pid
from streaming.exceptions import MarqueeError

READY_TIMEOUT_S = 180.0

Scene = tuple[str, Callable[[Stage], None]]
"""Its title, and what happens in it."""

SCENES: tuple[Scene, ...] = (
    ("films and ratings through Kafka", loading.import_shipped),
    ("what should a user see next, and why", people.known_user),
    ("another taste", people.another_taste),
    ("from a rating to another answer", people.probes),
    ("a film that never existed", newfilm.new_film),
    ("films by what they are about", searching.search),
    ("a cold user", people.cold_user),
    ("profiles check", closing.check),
)


def play(console: Console, report: Report) -> bool:
    """All scenes in order; whether everything holds."""
    began = time.perf_counter()
    report.add(started_at=datetime.now(UTC).isoformat(timespec="seconds"))
    before = load_settings()
    running = supervisor_pid(before.home) is not None
    make_engine(before, loading.PACKAGE, console)
    settings = loading.start_stack(console)
    space = loading.space_in_service(settings, console)
    report.add(space=space.space, package=f"{space.package}@{space.version}", cpus=os.cpu_count())
    engine = serving_engine(settings, space.version)
    best = fastest_engine(settings, loading.PACKAGE)
    report.add(engine=engine)
    if running and best not in (None, engine):
        # it had loaded the model before this engine was made
        console.print(f"films are read by {engine}; after `marquee stack down` and up it is {best}")
    else:
        report.add(engine_measured_best=best)
    with GatewayClient(settings) as gateway:
        stage = Stage(settings, gateway, space, console, report)
        with working("waiting for the gateway to know the space", console=console):
            until(lambda: serves(stage), READY_TIMEOUT_S, "the gateway serving the space", pause_s=0.2)
        try:
            for title, scene in SCENES:
                stage.title(title)
                scene(stage)
        finally:
            stage.forget()
        report.add(seconds=round(time.perf_counter() - began, 1))
        for title, scene in last_scenes(ends_after()):
            stage.title(title)
            scene(stage)
    return report.met


def serves(stage: Stage) -> bool:
    """Whether the gateway answers from the space, to anybody."""
    return bool(stage.recommend("demo:nobody", k=1)["space"] == stage.space.space)


def last_scenes(ends: bool) -> tuple[Scene, ...]:
    """What is shown when everything is measured; nobody is sent to a stack that ``ends`` now."""
    figures: Scene = ("figures", closing.figures)
    return (figures,) if ends else (figures, ("what to try next", closing.what_next))


def ends_after() -> bool:
    """Whether the stack is taken down in the end."""
    return os.environ.get("DEMO_EXIT") == "1"


def main(play: Callable[[Console, Report], bool] = play) -> int:
    """Play, write the report unless somebody stopped it, and say how it went."""
    # gRPC tells people of every reconnection; errors reach us as exceptions
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    console, report = out(), Report()
    home = load_settings().home
    home.mkdir(parents=True, exist_ok=True)
    try:
        met = play(console, report)
    except MarqueeError as error:
        console.print(f"[red]the demo stopped: {error}[/]", highlight=False)
        met = False
    except KeyboardInterrupt:
        return stopped(console, home)
    path = report.write(home)
    console.print(f"\nthe report: [bold]{path}[/]", highlight=False)
    if ends_after():
        marquee("stack", "down")
    console.print("[green]everything holds[/]" if met else "[red]not everything holds[/]")
    return 0 if met else 1


def stopped(console: Console, home: Path) -> int:
    """After Ctrl-C: what stays. Half a run's figures would only hide those of an earlier, whole one."""
    console.print("[yellow]stopped[/]; the report is left as it was", highlight=False)
    if supervisor_pid(home) is not None:
        if ends_after():
            marquee("stack", "down")
        else:
            for line in closing.what_stays():
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
