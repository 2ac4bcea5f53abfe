"""What the commands of ``marquee rollout`` share: options, and asking before something is changed."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence

import click

from deploy.cli.output import AS_JSON
from streaming.exceptions import ConfigurationError

OPERATOR = click.option(
    "--operator", default=getpass.getuser, help="who is changing it; your login by default"
)
REASON = click.option("--reason", default="", help="why; kept with the change")
DRY_RUN = click.option("--dry-run", is_flag=True, help="say what would change, and change nothing")
FORCE = click.option(
    "--force", is_flag=True, help="though gates have not passed; only with a --reason, the history keeps both"
)
YES = click.option("--yes", "-y", is_flag=True, help="do not ask")


def change_options(command: Callable[..., None]) -> Callable[..., None]:
    """What every change takes: who, why, a rehearsal, no question, and an answer for programs."""
    for option in (AS_JSON, YES, DRY_RUN, REASON, OPERATOR):
        command = option(command)
    return command


def require_reason(force: bool, reason: str) -> None:
    """Who overrides the gates says why. Raises ConfigurationError."""
    if force and not reason:
        raise ConfigurationError("--force wants a --reason: the history keeps it")


def confirm(lines: Sequence[str], yes: bool) -> None:
    """Show what would change and ask, unless ``yes``.

    Raises:
        ConfigurationError: there is nobody to ask.
        click.Abort: the answer was no (exit code 1).
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError("this changes who is served; say --yes, since nobody is here to be asked")
    for line in lines:
        click.echo(line, err=True)
    click.confirm("Go on?", abort=True, err=True)
