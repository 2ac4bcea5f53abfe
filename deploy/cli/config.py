"""``marquee config``: the settings in force, where each came from, and how to reach the gateway."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click
from pydantic import BaseModel, SecretStr
from pydantic_settings import EnvSettingsSource
from rich.table import Table
from rich.text import Text

from deploy.cli.output import out
from deploy.settings_page import description_of, page, variable_of
from deploy.variables import VARIABLES
from streaming.exceptions import NotFoundError
from streaming.settings import Settings, StackFileSource, load_settings

MASK = "********"
SECRET_WORDS = ("password", "secret", "token", "jaas", "key.pem")
"""In a librdkafka option's name: its value is never shown."""


@click.group()
def command() -> None:
    """Every setting: value and origin; the gateway's address and key.

    \b
    Examples:
      marquee config show
      eval "$(marquee config gateway)"
      MARQUEE_MILVUS__URI=https://milvus:19530 marquee config show --json
    """


@command.command()
@click.option("--json", "as_json", is_flag=True, help="one JSON document, for programs")
def gateway(as_json: bool) -> None:
    """Address and API key of the gateway, as a shell takes them: GATEWAY and KEY.

    The key is a secret: whoever has it may send and read everything.

    \b
    Examples:
      eval "$(marquee config gateway)"
      curl -H "X-API-Key: $KEY" "$GATEWAY/v1/users/ml:1/recommendations?k=3"
    """
    found = load_settings().gateway
    key = found.api_key.get_secret_value()
    if found.auth and not key:
        raise NotFoundError(
            "no API key is known here: run where the stack was started (MARQUEE_HOME), or set "
            "MARQUEE_GATEWAY__API_KEY to one of the gateway's keys"
        )
    said = {"gateway": found.url.rstrip("/"), "key": key}
    if as_json:
        click.echo(json.dumps(said))
        return
    for name, value in said.items():
        click.echo(f"{name.upper()}={shlex.quote(value)}")


@command.command()
@click.option("--describe", is_flag=True, help="what each is for, too, and variables that are no settings")
@click.option("--markdown", is_flag=True, help="the reference page instead: every default, no value in force")
@click.option("--json", "as_json", is_flag=True, help="one JSON document, for programs")
def show(describe: bool, markdown: bool, as_json: bool) -> None:
    """Each setting with its value (secrets masked), its origin and its environment variable.

    \b
    Examples:
      marquee config show
      marquee config show --describe
      marquee config show --json
      marquee config show --markdown
    """
    if markdown:
        click.echo(page(), nl=False)
        return
    rows = list(origins(load_settings()))
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    last = ("description",) if describe else ("variable",)
    columns = ("setting", "value", "origin", *last)
    out().print(_table(columns, [{**row, "value": _weighed(row)} for row in rows]))
    if describe:
        others = [one._asdict() | {"value": os.environ.get(one.name, "")} for one in VARIABLES]
        out().print()
        out().print(_table(("name", "value", "description"), others))


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, str | Text]]) -> Table:
    table = Table(box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(row[column] for column in columns))
    return table


def _weighed(row: Mapping[str, str]) -> Text:
    return Text(row["value"], "dim" if row["origin"] == "default" else "bold")


def origins(settings: Settings) -> Iterator[dict[str, str]]:
    """A row for each setting: ``setting``, ``value`` (masked), ``origin``, ``variable``, ``description``."""
    environment = EnvSettingsSource(Settings)()
    stack = StackFileSource(Settings)()
    for path, value in _leaves(settings, ()):
        yield {
            "setting": ".".join(path),
            "value": _shown(path, value),
            "origin": _origin(path, environment, stack),
            "variable": variable_of(path),
            "description": description_of(path),
        }


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _leaves(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, (*path, name))
    else:
        yield path, value


def _origin(path: tuple[str, ...], environment: Mapping[str, Any], stack: Mapping[str, Any]) -> str:
    if _holds(environment, path):
        return "environment"
    return "stack file" if _holds(stack, path) else "default"


def _holds(document: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(document, Mapping):
            return False
        names = {str(name).lower().replace("_", "."): name for name in document}
        name = names.get(part.lower().replace("_", "."))
        if name is None:
            return False
        document = document[name]
    return True


def _shown(path: tuple[str, ...], value: Any) -> str:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if path[0] == "kafka" and any(word in path[-1] for word in SECRET_WORDS):
        return MASK
    return "" if value is None else str(value)
