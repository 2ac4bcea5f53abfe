"""``marquee stack``: Kafka, Milvus, TorchServe, ledger, space workers and gateway on this machine."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from deploy.cli.lines import duration
from deploy.cli.output import out
from deploy.stack.control import State, down, healthy, status, up
from deploy.stack.layout import DEFAULT_PORT_BASE, layout_of
from deploy.stack.services import SERVICES
from streaming.exceptions import NotFoundError
from streaming.settings import load_settings

AS_JSON = click.option("--json", "as_json", is_flag=True, help="one JSON document, for programs")
COLOURS = {"healthy": "green", "starting": "yellow", "waiting": "yellow"}
FOLLOW_S = 0.3


@click.group()
def command() -> None:
    """Everything on this machine, kept up by a supervisor. Files lie under $MARQUEE_HOME/stack.

    \b
    Examples:
      marquee stack up
      marquee stack up --only kafka --only milvus --port-base 9700
      marquee stack status --json
      marquee stack logs ledger --follow
      marquee stack down
    """


@command.command("up")
@click.option("--only", multiple=True, type=click.Choice(SERVICES), help="just this service; repeatable")
@click.option(
    "--port-base",
    type=click.IntRange(1024, 65000),
    help=f"first of seven ports  [default: the last one used here, or {DEFAULT_PORT_BASE}]",
)
@click.option("--timeout", default=300.0, show_default=True, help="seconds until all must be healthy")
@AS_JSON
def up_command(only: tuple[str, ...], port_base: int | None, timeout: float, as_json: bool) -> None:
    """Start what is not there and wait until everything answers; nothing happens to what is up.

    \b
    Examples:
      marquee stack up
      marquee stack up --port-base 9700
    """
    console = Console(stderr=True, quiet=as_json)
    home = load_settings().home
    with Live(console=console, refresh_per_second=5, transient=True) as live:
        result = up(
            home,
            only,
            port_base,
            timeout,
            progress=lambda state, _: live.update(state_table(state)),
            note=lambda line: live.update(line),
        )
    settings = load_settings(home=home)
    if as_json:
        document = {**result.state, "already": result.already, "api_key": result.new_api_key}
        click.echo(json.dumps(document))
        return
    out().print(state_table(result.state))
    click.echo("everything was up already" if result.already else "everything is up")
    if "gateway" in result.state["wanted"]:
        click.echo(f"gateway: {settings.gateway.url}  (its endpoints: {settings.gateway.url}/docs)")
    if result.new_api_key:
        click.echo(
            f"API key: {result.new_api_key}  (header X-API-Key; `marquee config gateway` shows it again)"
        )


@command.command("down")
@AS_JSON
def down_command(as_json: bool) -> None:
    """Stop everything, also what a killed supervisor left behind. Data stay.

    \b
    Example:
      marquee stack down
    """
    home = load_settings().home
    with Console(stderr=True, quiet=as_json).status("stopping"):
        ended = down(home)
    if as_json:
        click.echo(json.dumps({"leftovers_ended": ended}))
    else:
        click.echo("everything is down" + (f"; {ended} leftover processes were ended" if ended else ""))


@command.command("status")
@AS_JSON
def status_command(as_json: bool) -> None:
    """Every service: state, pid, ports, uptime, memory, restarts, health. Exit 1 unless all are healthy.

    \b
    Examples:
      marquee stack status
      marquee stack status --json
    """
    state = status(load_settings().home)
    if as_json:
        click.echo(json.dumps({**state, "healthy": healthy(state)}))
    elif state["supervisor"] is None:
        if state["leftovers"]:
            click.echo(
                "the supervisor is gone, nobody restarts what crashes: `marquee stack up` starts all anew"
            )
        else:
            click.echo(f"the stack of {state['home']} is down: `marquee stack up` starts it")
        for left in state["leftovers"]:
            click.echo(f"  left behind: {left['service']} (pid {left['pid']}); `marquee stack down` ends it")
    else:
        out().print(state_table(state))
        if "silent_s" in state["supervisor"]:
            click.echo(f"the supervisor has been silent for {state['supervisor']['silent_s']} s")
    sys.exit(0 if healthy(state) else 1)


@command.command("logs")
@click.argument("name", required=False)
@click.option("--follow", "-f", is_flag=True, help="go on until Ctrl-C")
@click.option("-n", "lines", default=50, show_default=True, help="lines from the end")
def logs_command(name: str | None, follow: bool, lines: int) -> None:
    """The log of NAME, or of all services; `stack status` names them.

    \b
    Examples:
      marquee stack logs gateway --follow
      marquee stack logs -n 5
    """
    folder = layout_of(load_settings().home).logs
    files = sorted(folder.glob(f"{name}.log" if name else "*.log"))
    if not files:
        there = ", ".join(sorted(path.stem for path in folder.glob("*.log"))) or "none yet"
        raise NotFoundError(f"no log of {name or 'any service'} in {folder}; there are: {there}")
    positions = {}
    for path in files:
        text = path.read_bytes()
        positions[path] = len(text)
        for line in text.decode(errors="replace").splitlines()[-lines:] if lines else []:
            _say(path, line, single=name is not None)
    while follow:
        for path, line in _news(files, positions):
            _say(path, line, single=name is not None)
        time.sleep(FOLLOW_S)


def _say(path: Path, line: str, *, single: bool) -> None:
    click.echo(line if single else f"{path.stem}: {line}")


def _news(files: list[Path], positions: dict[Path, int]) -> Iterator[tuple[Path, str]]:
    """Whole lines that were written since ``positions``, which move on."""
    for path in files:
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            continue
        if size < positions[path]:
            positions[path] = 0  # rotated
        with path.open("rb") as file:
            file.seek(positions[path])
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        positions[path] += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            yield path, line


def state_table(state: State) -> Table:
    """A row for each service."""
    table = Table(box=None)
    for column in ("service", "state", "pid", "ports", "uptime", "memory", "restarts", "health"):
        # names of spaces differ at their ends: cut, they would look the same
        table.add_column(column, overflow="fold")
    services: list[dict[str, Any]] = state.get("services", [])
    for service in services:
        colour = COLOURS.get(service["state"], "red")
        table.add_row(
            service["name"],
            f"[{colour}]{service['state']}[/]",
            str(service["pid"] or ""),
            " ".join(str(port) for port in service["ports"].values()),
            duration(service["uptime_s"]) if service["pid"] else "",
            f"{service['rss_mb']:.0f} MB" if service["pid"] else "",
            str(service["restarts"]),
            service["health"],
        )
    return table
