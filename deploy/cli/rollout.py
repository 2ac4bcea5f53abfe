"""``marquee rollout``: which spaces there are, and putting a package into service."""

from __future__ import annotations

import getpass
import json

import click
import msgspec
from rich.console import Console
from rich.table import Table

from streaming.control.documents import MEAN, WEIGHTED
from streaming.settings import load_settings

POLICIES = {"mean": MEAN, "weighted": WEIGHTED}
OPERATOR = click.option(
    "--operator", default=getpass.getuser, help="who is changing it; your login by default"
)
REASON = click.option("--reason", default="", help="why; kept with the change")
JSON = click.option("--json", "as_json", is_flag=True, help="print one JSON object")


@click.group()
def command() -> None:
    """Put a package into service and see what serves whom.

    \b
    Examples:
      marquee rollout start item-encoder@1 --promote
      marquee rollout status --json
    """


@command.command()
@click.argument("package")
@click.option("--policy", type=click.Choice(sorted(POLICIES)), default="mean", show_default=True)
@click.option(
    "--promote", is_flag=True, help="make it the champion at once: for the first space of an installation"
)
@OPERATOR
@REASON
@JSON
def start(package: str, policy: str, promote: bool, operator: str, reason: str, as_json: bool) -> None:
    """Create a space from PACKAGE (name or name@version); its worker starts and catches up."""
    from deploy.spaces import start_space

    console = Console(stderr=True)
    with console.status("starting") as status:
        space = start_space(
            load_settings(),
            package,
            policy=POLICIES[policy],
            operator=operator,
            reason=reason or "rollout start",
            promote=promote,
            step=status.update,
        )
    if as_json:
        click.echo(msgspec.json.encode(space).decode())
    else:
        console.print(f"space [bold]{space.space}[/] is {space.state}")


@command.command()
@click.argument("space")
@OPERATOR
@REASON
@JSON
def promote(space: str, operator: str, reason: str, as_json: bool) -> None:
    """Make SPACE the champion; the one before stays standby and is still written."""
    from deploy.spaces import promote_space

    state = promote_space(load_settings(), space, operator=operator, reason=reason or "promote")
    click.echo(
        json.dumps({"revision": state.revision, "champion": space}) if as_json else f"{space} is champion"
    )


@command.command()
@JSON
def status(as_json: bool) -> None:
    """Show every space, its state, and the route."""
    from streaming.control.reader import read_control

    state = read_control(load_settings())
    if as_json:
        click.echo(
            msgspec.json.encode(
                {"revision": state.revision, "route": state.route, "spaces": list(state.spaces.values())}
            ).decode()
        )
        return
    table = Table("space", "package", "policy", "state", "dim", title=f"control revision {state.revision}")
    for space in state.spaces.values():
        table.add_row(
            space.space, f"{space.package}@{space.version}", space.policy.name, space.state, str(space.dim)
        )
    Console().print(table)
