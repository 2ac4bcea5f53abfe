"""What commands print: rich tables for people, one JSON object for programs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from deploy.cli.lines import EVERY_S, Lines

AS_JSON = click.option("--json", "as_json", is_flag=True, help="print one JSON object, for programs")


PIPED_WIDTH = 200
"""Columns of a table in a file or a pipe: rich takes 80 there, and folds every id."""


def out() -> Console:
    """For results."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=PIPED_WIDTH)


def err() -> Console:
    """For progress and remarks: results on stdout stay clean."""
    return Console(stderr=True)


def print_json(value: Any) -> None:
    """One JSON object on stdout; infinities and NaN, which JSON lacks, become null."""
    click.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] | range = ()
) -> Table:
    """A table whose columns at the places ``right`` are numbers."""
    made = Table(
        title=Text(title) if title else None,
        title_justify="left",
        title_style="bold",
        header_style="bold cyan",
    )
    for place, column in enumerate(columns):
        made.add_column(column, justify="right" if place in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell_text(cell)) for cell in row))
    return made


def cell_text(value: object) -> str:
    """One cell: nothing for None, thousands apart, lists joined."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 0.01 else f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


class _Rate(ProgressColumn):
    """Things a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="cyan")


class Bars:
    """Progress bars by name, each from when it is first heard of; without a terminal lines now and then."""

    def __init__(self, progress: Progress, lines: Lines | None = None) -> None:
        self._progress, self._lines = progress, lines
        self._tasks: dict[str, TaskID] = {}

    def update(self, name: str, done: int, total: int) -> None:
        """Set a bar; a total of 0 is not known."""
        if self._lines is not None:
            self._lines.update(name, done, total)
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total or None)
        self._progress.update(self._tasks[name], completed=done, total=total or None)

    def step(self, text: str) -> None:
        """A line above the bars."""
        if self._lines is not None:
            self._lines.step(text)
        self._progress.console.print(f"[dim]{text}[/]")


@contextmanager
def bars(quiet: bool = False) -> Iterator[Bars]:
    """Bars on stderr while something long runs, lines where it is no terminal; ``quiet`` shows none."""
    console = err()
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    )
    with progress, lines(console, quiet or console.is_terminal) as told:
        yield Bars(progress, told)


@contextmanager
def working(
    text: str, quiet: bool = False, console: Console | None = None
) -> Iterator[Callable[[str], None]]:
    """Says ``text``, and what it is called with after, while something runs that counts no parts."""
    console = console or err()
    with console.status(text) as status, lines(console, quiet or console.is_terminal) as told:

        def tell(said: str) -> None:
            status.update(said)
            if told is not None:
                told.step(said)

        tell(text)
        yield tell


@contextmanager
def lines(console: Console, none: bool) -> Iterator[Lines | None]:
    """Lines now and then on ``console``, or ``none``."""
    if none:
        yield None
        return
    with Lines(
        lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True), EVERY_S
    ) as told:
        yield told
