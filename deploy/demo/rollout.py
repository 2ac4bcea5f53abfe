"""``python -m deploy.demo.rollout``: a retrained model comes into service, and goes (``make rollout-demo``).

On the stack that ``make demo`` left, or one that it starts itself. Exit code 0 only if everything holds.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.rule import Rule

from deploy.checks.items import ItemCheck
from deploy.checks.users import UserCheck
from deploy.cli.client import GatewayClient
from deploy.cli.output import cell_text, out, table, working
from deploy.cli.settings import load_settings
from deploy.data.lag import wait_applied
from deploy.demo.engine import make_engine
from deploy.demo.loading import PACKAGE, space_in_service, start_stack
from deploy.demo.rollout_people import DATA, Audience, audience, rate_before
from deploy.demo.rollout_report import RolloutReport
from deploy.demo.stage import MADE, DemoError, marquee, until
from deploy.rollout.gates.limits import load_limits
from deploy.rollout.gates.verdicts import missing
from deploy.rollout.replay import Player
from deploy.rollout.starting import manifest_of
from streaming.control.documents import SpaceDocument
from streaming.control.reader import read_control
from streaming.exceptions import MarqueeError
from streaming.settings import Settings

RATE = float(os.environ.get("DEMO_RATE", "8"))
"""Lookups a second: what a machine of two cores carries beside a backfill."""
LIMITS = Path(__file__).with_name("gates.toml")
GATE_S = 600
CHECK_WAIT_S = 60.0
BREATH_S = 5.0
"""Of traffic before and after promotion and rollback."""


@dataclass
class Play:
    """One run: what every act needs."""

    settings: Settings
    gateway: GatewayClient
    champion: SpaceDocument
    people: Audience
    console: Console
    report: RolloutReport
    run: str
    player: Player | None = None
    gaps: list[float] = field(default_factory=list)

    def title(self, text: str) -> None:
        """The beginning of an act."""
        self.console.print()
        self.console.print(Rule(f"[bold]{text}", align="left"))

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(text, highlight=False)


def retrain(play: Play) -> str:
    """Ratings since, export, training, build; the reference of the new package."""
    sent = rate_before(play.gateway, play.people)
    wait_applied(play.settings, [], 120.0, lambda *_: None)
    play.title("export, retrain with the ratings since, build")
    folder = play.settings.home / "rollout-demo" / play.run
    cut = datetime.now(UTC) + timedelta(seconds=1)
    marquee("data", "export", "--until", cut.strftime("%Y-%m-%dT%H:%M:%SZ"), "--out", str(folder))
    while datetime.now(UTC) < cut + timedelta(seconds=1):
        time.sleep(0.1)
    reference = f"item-encoder@r{play.run}"
    chosen = manifest_of(play.settings, f"{play.champion.package}@{play.champion.version}").parameters
    options = {"--dim": "dim", "--neutral": "neutral_weight", "--lambda": "lambda"}
    options |= {"--half-count": "half_count", "--penalty": "penalty"}
    # what was chosen on validation for the champion is kept: half of the training is choosing
    if chosen.get("architecture") == "fusion" or "taste_strength" not in chosen:
        # chosen beside the content of the fusion encoder, or when it meant something else (docs/train.md):
        # the linear one that is trained here chooses its own
        del options["--half-count"]
    kept = [word for option, name in options.items() for word in (option, str(chosen[name]))]
    # the space is what is rolled out; a re-ranker would take as long again
    kept.append("--no-reranker")
    began = time.monotonic()
    marquee("train", "space", "--data", str(folder), "--version", f"r{play.run}", *kept)
    marquee("model", "build", reference)
    # it names users, and nothing would ever end that
    shutil.rmtree(folder)
    # else the gate `verify` finds it slower than the champion, which is compiled
    make_engine(play.settings, reference, play.console)
    play.report.add(
        ratings_since=sent, package=reference, train_and_build_s=round(time.monotonic() - began, 1)
    )
    return reference


def traffic(play: Play) -> threading.Thread:
    """People who visit until the end of the play."""
    visits = play.people.script.timed(RATE, 2 * 3600.0, even=True)
    play.player = Player(play.settings, visits, play.people.script.likes)
    thread = threading.Thread(target=play.player.play, name="traffic")
    thread.start()
    return thread


def told(*words: str, codes: Sequence[int] = (0,)) -> dict[str, Any]:
    """The JSON of a ``marquee rollout`` command.

    Raises:
        DemoError: it ended with another code.
    """
    command = [sys.executable, "-m", "deploy.cli", "rollout", *words, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in codes:
        raise DemoError(f"`marquee rollout {' '.join(words)}` ended with {done.returncode}: {done.stdout}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def gate(play: Play, name: str, space: str) -> None:
    """Ask a gate, show its table, take it down."""
    words = ["gate", name, space, "--limits", str(LIMITS)]
    codes = (0, 10, 11, 12, 13, 14)
    if name in ("shadow", "canary"):
        words += ["--timeout", str(GATE_S)]
    found = told(*words, codes=codes)
    cells = [
        [
            r["name"],
            r["estimate"],
            r["low"],
            r["high"],
            f"{r['sense']} {r['limit']:g}",
            r["count"],
            r["verdict"],
        ]
        for r in found["rows"]
    ]
    columns = ["", "estimate", "from", "to", "wanted", "of", ""]
    play.console.print(table(f"gate {name}: {found['verdict']}", columns, cells, right=[1, 2, 3, 5]))
    for remark in found["remarks"]:
        play.say(remark)
    play.report.values.setdefault("gates", {})[name] = {
        "verdict": found["verdict"],
        "rows": found["rows"],
        "remarks": found["remarks"],
    }
    if found["verdict"] == "failed":
        raise DemoError(f"the gate {name} failed: nothing is promoted")


def ungated(play: Play, space: str) -> list[str]:
    """What `promote` needs besides: nothing where every gate has passed, else to be told to go past."""
    left = missing(read_control(play.settings), space, load_limits().promote)
    for clause in left:
        play.say(f"promoted all the same, though {clause}: a rehearsal has few visitors")
    play.report.add(forced=left)
    return ["--force"] if left else []


def switch(play: Play, move: str, *words: str) -> float | None:
    """Promote or roll back under traffic; ms until every gateway went by it, None if not all did."""
    time.sleep(BREATH_S)
    began = time.monotonic()
    seen: float | None = told(move, *words, "--yes", "--reason", "rollout demo")["seen_ms"]
    time.sleep(BREATH_S)
    assert play.player is not None
    play.gaps.append(play.player.result.longest_gap_ms(began, time.monotonic()))
    gap = f"longest time without an answer {play.gaps[-1]:.0f} ms"
    play.say(f"{move}: seen by every gateway after {seen} ms, {gap}")
    return seen


def check(play: Play) -> None:
    """Every document, vector and row of every live space, by other code."""
    spaces = list(read_control(play.settings).live.values())
    with working("recomputing every document, vector and row", console=play.console) as tell:
        users = UserCheck(play.settings, spaces, CHECK_WAIT_S, tell).run()
        films = [ItemCheck(play.settings, space, CHECK_WAIT_S, tell).run() for space in spaces]
    rows = list(users.rows.values())
    wrong = sum(not found.clean for found in rows) + sum(not found.clean for found in films)
    play.report.add(
        profiles_max_relative_error=max(found.max_relative_error for found in rows),
        differences=len(users.log.differing) + wrong,
    )
    play.say(f"{sum(found.users for found in rows)} rows recomputed, {wrong} tables differ")


def roll(play: Play, reference: str) -> None:
    """Through every state and back, under traffic."""
    play.title(f"rollout start {reference}, while the champion serves")
    marquee("rollout", "start", reference, "--reason", "rollout demo: retrained with the ratings since")
    space = max(
        (s for s in read_control(play.settings).spaces.values() if s.package + "@" + s.version == reference),
        key=lambda s: s.change.revision,
    ).space
    play.report.add(space=space)
    try:
        play.title("verify: the engine that would serve, beside the champion's")
        gate(play, "verify", space)
        play.title("evaluate: what people came to like since both were trained")
        gate(play, "evaluate", space)
        play.title("shadow: asked too, nobody sees the answers")
        told("shadow", space, "--yes")
        gate(play, "shadow", space)
        play.title("canary: half of the visitors")
        told("canary", space, "--percent", "50", "--yes")
        gate(play, "canary", space)
        play.title("promote, and roll back")
        play.report.add(promote_ms=switch(play, "promote", space, *ungated(play, space)))
        play.report.add(rollback_ms=switch(play, "rollback"))
        check(play)
        play.title("retire")
        play.report.add(dropped=told("retire", space, "--yes")["dropped"])
    finally:
        after = read_control(play.settings)
        play.report.add(
            states=list(dict.fromkeys(move.state for move in after.spaces[space].history)),
            champion=None if after.route is None else after.route.champion,
        )


def perform(console: Console, report: RolloutReport) -> None:
    """The whole play."""
    report.add(started_at=datetime.now(UTC).isoformat(timespec="seconds"))
    began, run = time.monotonic(), secrets.token_hex(3)
    make_engine(load_settings(), PACKAGE, console)
    settings = start_stack(console)
    champion = space_in_service(settings, console)
    marquee("data", "import", DATA, "--wait")
    people = audience(f"{MADE}{run}:")
    report.add(champion_before=champion.space, run=run)
    with GatewayClient(settings) as gateway:
        play = Play(settings, gateway, champion, people, console, report, run)
        until(partial(_serves, play), 180.0, "the gateway serving the space", pause_s=0.2)
        try:
            reference = retrain(play)
            visiting = traffic(play)
            try:
                roll(play, reference)
            finally:
                _end(play, visiting)
        finally:
            with working("the copies are forgotten", console=console):
                for user in people.users:
                    gateway.delete_user(user)
    report.add(seconds=round(time.monotonic() - began, 1))


def _serves(play: Play) -> bool:
    return bool(play.gateway.recommendations(f"{MADE}nobody", k=1)["space"])


def _end(play: Play, visiting: threading.Thread) -> None:
    assert play.player is not None
    play.player.stop()
    visiting.join()
    summary = play.player.result.summary()
    play.report.add(
        **{name: summary[name] for name in ("lookups", "failed", "mixed", "judged", "latency_ms")},
        # around promotion and rollback; over the whole play the machine's own pauses count too
        max_gap_ms=round(max(play.gaps), 1) if play.gaps else None,
        max_gap_ms_overall=summary["max_gap_ms"],
        traffic=summary,
    )


def main() -> int:
    """Play, write the report whatever happened, and say how it went."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    console, report = out(), RolloutReport()
    home = load_settings().home
    home.mkdir(parents=True, exist_ok=True)
    try:
        perform(console, report)
    except MarqueeError as error:
        report.add(stopped=str(error))
        console.print(f"[red]the rollout demo stopped: {error}[/]", highlight=False)
    except KeyboardInterrupt:
        report.add(stopped="Ctrl-C")
        console.print("[yellow]stopped[/]; `marquee rollout status` says what is left")
    console.print()
    rows = [(c.name, cell_text(c.value), c.wanted, c.met) for c in report.conditions()]
    console.print(table("what must hold", ("what", "value", "wanted", "holds"), rows, right=[1]))
    path = report.write(home)
    console.print(f"\nthe report: [bold]{path}[/]", highlight=False)
    if os.environ.get("DEMO_EXIT") == "1":
        marquee("stack", "down")
    console.print("[green]everything holds[/]" if report.met else "[red]not everything holds[/]")
    return 0 if report.met else 1


if __name__ == "__main__":
    sys.exit(main())
