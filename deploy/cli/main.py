"""The root of the command line: which file holds which noun, and how errors end it."""

from __future__ import annotations

import importlib
import sys

import click

from deploy.cli.stopping import INTERRUPTED, end_on_interrupt
from streaming.exceptions import MarqueeError, UnavailableError

COMMANDS = {
    "config": "show the settings in force and where each came from",
    "data": "import and export ratings and films",
    "dlq": "look at refused records and replay them",
    "evaluate": "how good is what is served, offline",
    "genres": "every genre that there is",
    "item": "put, show or remove one film",
    "items": "check item vectors and rows",
    "kpi": "what became of recommendations, by space",
    "model": "packages: build, verify, sign, publish, list, compare, remove",
    "profiles": "check, repair or erase user profiles",
    "rate": "rate a film",
    "recommend": "what should this user see next?",
    "rollout": "put a package into service",
    "run": "run one process (ledger, space worker, gateway)",
    "search": "films like a text or a poster",
    "similar": "films like this one",
    "stack": "the local stack: up, down, status, logs",
    "topics": "create and check the Kafka topics",
    "train": "train a package from ratings and films",
    "user": "what one user has rated",
}
"""Command -> its line in ``marquee --help``; each lives in ``deploy/cli/<command>.py`` as ``command``."""


class LazyGroup(click.Group):
    """Imports a command's file only when that command runs, so that ``--help`` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the alphabet."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"deploy.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="marquee")
def root() -> None:
    """Marquee: a streaming, multi-modal movie recommender.

    \b
    Examples:
      marquee stack up                 # start everything on this machine
      marquee data import shipped
      marquee rollout start item-encoder@5 --promote --reason "the first model"
      marquee recommend ml:1 --explain
    """


def main() -> None:
    """Run the command line; Marquee's own errors end it with one clear sentence and their exit code.

    Ctrl-C is 130 in every command; what a command said to it by itself stands before.
    """
    end_on_interrupt()
    try:
        code = root(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort as error:
        # click tells no difference between Ctrl-C and a question that was answered by no
        stopped = isinstance(error.__cause__ or error.__context__, KeyboardInterrupt)
        click.echo("stopped" if stopped else "not done", err=True)
        sys.exit(INTERRUPTED if stopped else 1)
    except MarqueeError as error:
        click.secho(f"error: {sentence(error)}", fg="red", err=True)
        sys.exit(error.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


def sentence(error: MarqueeError) -> str:
    """What happened and what to do: where nothing else is said, `stack status` is the next step."""
    said = str(error)
    if isinstance(error, UnavailableError) and "`marquee" not in said:
        return f"{said}; `marquee stack status` says what runs, `marquee stack up` starts it"
    return said
