"""Every `marquee ...` that a page or a message tells people to type exists: its words and its options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deploy.cli.main import root

PROJECT = Path(__file__).parents[4]
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(PROJECT.glob("docs/*.md"))]
ROOMS = ("deploy", "handlers", "model_store", "streaming", "trainer", "benchmarks")
FILLED_IN = "X"
"""Stands for what a message fills in."""

_BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_COMMAND = re.compile(r"(?:^|(?<=[\s(\"]))marquee (?=[a-z])")


def of_page(text: str) -> Iterator[str]:
    """Command lines of a page: in blocks, and in spans, which may go over the end of a line."""
    for block in _BLOCK.findall(text):
        yield from commands_in(re.sub(r"\\\n\s*", " ", block))
    for span in _SPAN.findall(_BLOCK.sub("", text)):
        yield from commands_in(span.replace("\n", " "))


def of_source(text: str) -> Iterator[str]:
    """Command lines between backticks in a module's strings; what a message fills in is one word."""
    tree = ast.parse(text)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else FILLED_IN for p in node.values)
            said = "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            said = node.value
        else:
            continue
        for span in _SPAN.findall(said):
            yield from commands_in(span.replace("\n", " "))


def commands_in(text: str) -> Iterator[str]:
    """Each command of some lines, up to where a comment begins or the shell takes over."""
    if is_short(text):
        yield text
    for line in text.splitlines():
        for one in _COMMAND.split(line.split("  #")[0])[1:]:
            yield re.split(r" && | \| |[)\";]", one)[0].strip()


def is_short(span: str) -> bool:
    """Whether it is a command without its first word, as tables of commands name them."""
    words = span.split()
    group = root.get_command(click.Context(root), words[0]) if len(words) > 1 else None
    return isinstance(group, click.Group) and words[1] in group.commands


def wrong(line: str) -> str | None:
    """What is wrong with the words after ``marquee``, None where all of them exist."""
    # a usage's brackets and choices are no words: "[--from WHERE]", "start|stop"
    words = [word.strip("[],.:") for word in line.split()]
    found: click.Command = root
    while isinstance(found, click.Group) and words and re.fullmatch(r"[a-z-]+", words[0]):
        inner = found.get_command(click.Context(found), words[0])
        if inner is None:
            return f"no command {words[0]}"
        found = inner
        words.pop(0)
    options = {"--help"} | {o for p in found.params for o in (*p.opts, *p.secondary_opts)}
    named = {word.partition("=")[0] for word in words if word.startswith("--")}
    return f"no option {sorted(named - options)}" if named - options else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_tells_to_type_exists(page: Path) -> None:
    found = {line: problem for line in of_page(page.read_text()) if (problem := wrong(line))}
    assert not found


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_message_tells_to_type_exists(room: str) -> None:
    found = {
        f"{path.relative_to(PROJECT)}: {line}": problem
        for path in sorted((PROJECT / room).rglob("*.py"))
        for line in of_source(path.read_text())
        if (problem := wrong(line))
    }
    assert not found


def test_what_may_go_on_without_lost_records_says_so() -> None:
    """The message that a stopped partition shows names the option alone, whoever was stopped."""
    run = root.get_command(click.Context(root), "run")
    assert isinstance(run, click.Group)
    for name in ("ledger", "space"):
        assert "--accept-loss" in {option for p in run.commands[name].params for option in p.opts}


def test_a_wrong_word_is_seen() -> None:
    page = (
        "`marquee run\nspace X --accept-lost`, ```x``` \n```\nmarquee topics shwo  # marquee nothing\n```\n"
    )
    assert [wrong(line) for line in of_page(page)] == ["no command shwo", "no option ['--accept-lost']"]
    said = list(of_source('f"`marquee run ledger --instanse {n}` mends" " it, `marquee stack"\' {x} up`\''))
    assert [wrong(line) for line in said] == ["no option ['--instanse']", None]
    assert wrong("run ledger --instance=1 [--accept-loss]") is None
    assert [
        wrong(line) for line in of_page("`run ledger [--accept-losses]`, `run` and `run of luck --x`")
    ] == ["no option ['--accept-losses']"]
