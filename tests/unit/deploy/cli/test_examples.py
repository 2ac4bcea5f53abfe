"""Every command shows examples, and an example can be typed as it is: its words and files are right."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from deploy.cli.main import root

PROJECT = Path(__file__).parents[4]
DATA_SETS = {
    ("data import", "path"),
    ("data describe", "path"),
    ("train space", "data"),
    ("rollout replay", "source"),
}
"""Parameters that take a folder or `shipped`; what they name is opened only when they run."""
READ = {("model sign", "key_file")}
"""Parameters that name a file of which only the command itself says that it is missing."""
WRITTEN = {("data export", "folder"), ("model keygen", "file")}
"""Parameters that name what a command writes: from there on it exists."""


def commands(command: click.Command = root, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """(name, command) of every command there is, groups too."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from commands(found, f"{name} {inner}".strip())


def examples(command: click.Command) -> list[str]:
    """The lines under "Example:" or "Examples:" in its help."""
    text = command.get_help(click.Context(command, terminal_width=200, max_content_width=200))
    block = re.search(r"^  Examples?:\n((?:    .+\n?)+)", text, re.MULTILINE)
    return [line.strip() for line in block[1].splitlines()] if block else []


ALL = list(commands())


@pytest.mark.parametrize("name", [name for name, _ in ALL])
def test_help_shows_an_example_of_the_command(name: str) -> None:
    command = dict(ALL)[name]
    lines, names = examples(command), [known for known, found in ALL if found is command]
    assert any(f"marquee {known}".strip() in line for line in lines for known in names), lines


@pytest.mark.parametrize("name", sorted({name.split()[0] for name, _ in ALL if name}))
def test_the_page_names_the_command(name: str) -> None:
    rows = (PROJECT / "docs" / "cli.md").read_text().splitlines()
    assert any(row.startswith(f"| `marquee {name}") for row in rows)


def test_the_page_names_every_way_to_use_data() -> None:
    page = (PROJECT / "docs" / "cli.md").read_text()
    for name, _ in ALL:
        if name.startswith("data "):
            assert f"`marquee {name}" in page


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds what a clone holds, and a MARQUEE_DATA."""
    (tmp_path / "model_store").symlink_to(PROJECT / "model_store")
    (tmp_path / "docs").symlink_to(PROJECT / "docs")
    for folder in ("posters", "mmtf14k_sample", "video"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    monkeypatch.setenv("MARQUEE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [name for name, _ in ALL])
def test_examples_can_be_typed_as_they_are(name: str, place: Path) -> None:
    for line in examples(dict(ALL)[name]):
        for part in line.split(" && "):
            if (inner := re.search(r"\$\((.*)\)", part)) or "marquee " in part:
                typed(inner[1] if inner else part.rpartition(" | ")[2])
            elif part.startswith("curl "):
                shlex.split(part)  # what it asks is a route: docs and tests of the gateway hold those
            else:
                subprocess.run(["bash", "-c", part], check=True)


def test_commands_in_the_readme_can_be_typed_as_they_are(place: Path) -> None:
    blocks = re.findall(r"^```\n(.*?)^```", (PROJECT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    for line in lines:
        if inner := re.search(r"\$\((.*)\)", line):
            typed(inner[1])
        elif line.startswith("marquee "):
            typed(line)
    assert sum(line.startswith("make ") for line in lines) == 2, 'of "Two commands"'
    assert any("marquee config gateway" in line for line in lines), "where $GATEWAY and $KEY come from"


def test_the_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\(docs/([a-z]+\.md)\)", (PROJECT / "README.md").read_text()))
    assert linked == {page.name for page in PROJECT.glob("docs/*.md")}


@pytest.mark.parametrize("page", sorted(PROJECT.glob("docs/*.md")), ids=lambda page: page.name)
def test_a_page_that_uses_the_key_says_where_it_comes_from(page: Path) -> None:
    text = page.read_text()
    if re.search(r"\$(KEY|GATEWAY)\b", text):
        assert "marquee config gateway" in text


def test_a_wrong_example_is_seen(place: Path) -> None:
    for wrong in (
        "marquee item put my:1 --title Sintel --poster sintel.webp",
        "marquee data import ml-latest-small/",
        "marquee stack up --port 3",
        "marquee rate ml:1 ml:296 fine",
    ):
        with pytest.raises((click.UsageError, AssertionError)):
            typed(wrong)


def typed(line: str) -> None:
    """Take a line apart as the command would, without running it; raises what is wrong with it."""
    words = [os.path.expandvars(word) for word in shlex.split(line, comments=True)]
    while "=" in words[0]:
        words.pop(0)
    assert words.pop(0) == "marquee"
    command, name = root, ""
    found: click.Command = command
    while isinstance(found, click.Group) and words:
        inner = found.get_command(click.Context(found), words[0])
        assert inner is not None, f"no command {words[0]}"
        name, found = f"{name} {words.pop(0)}".strip(), inner
    with found.make_context(name, words) as context:
        for parameter, value in context.params.items():
            looked_at(name, parameter, value)


def looked_at(name: str, parameter: str, value: Any) -> None:
    """A data set must be there; what is written is there from now on."""
    if (name, parameter) in DATA_SETS:
        assert value == "shipped" or Path(value).is_dir(), f"no data at {value}"
    if (name, parameter) in READ:
        assert Path(value).is_file(), f"no file {value}"
    if (name, parameter) in WRITTEN:
        Path(value).touch()
