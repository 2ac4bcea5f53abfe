"""``marquee topics``: create and check the Kafka topics."""

from __future__ import annotations

import json
import sys

import click
from rich.table import Table

from deploy.cli.output import out
from deploy.cli.settings import load_settings, require_kafka
from streaming.control.reader import read_control
from streaming.settings import Settings
from streaming.topics import Topic, TopicNames, fixed_topics, space_topics
from streaming.topics.admin import check, ensure

AS_JSON = click.option("--json", "as_json", is_flag=True, help="one JSON document, for programs")


@click.group()
def command() -> None:
    """Create the topics, or verify that they are what the processes need.

    \b
    Examples:
      marquee topics ensure
      marquee topics check --json
    """


@command.command("ensure")
@AS_JSON
def ensure_command(as_json: bool) -> None:
    """Create missing topics and bring configurations in line. Partition counts are never changed.

    \b
    Example:
      marquee topics ensure
    """
    settings = require_kafka(load_settings())
    done = ensure(settings, fixed_topics(settings))
    done += ensure(settings, _of_spaces(settings))
    if as_json:
        click.echo(json.dumps({"done": done}))
    else:
        click.echo("\n".join(done) or "every topic is as it must be")


@command.command("check")
@AS_JSON
def check_command(as_json: bool) -> None:
    """Name every difference; exit 1 when there is one.

    \b
    Example:
      marquee topics check --json
    """
    settings = require_kafka(load_settings())
    found = check(settings, fixed_topics(settings))
    if not any(d.topic == TopicNames(settings.namespace).control for d in found):
        found += check(settings, _of_spaces(settings))
    if as_json:
        rows = [{"topic": d.topic, "what": d.what, "want": d.want, "got": d.got} for d in found]
        click.echo(json.dumps({"differences": rows}))
    elif found:
        table = Table("topic", "what", "is", "must be")
        for d in found:
            table.add_row(d.topic, d.what, d.got, d.want)
        out().print(table)
        click.echo(
            "`marquee topics ensure` creates topics and mends configurations; partition counts are for life"
        )
    else:
        click.echo("every topic is as it must be")
    sys.exit(1 if found else 0)


def _of_spaces(settings: Settings) -> list[Topic]:
    """Topics of every live space."""
    return [topic for name in read_control(settings).live for topic in space_topics(settings, name)]
