"""Progress without a terminal: lines that say how far, how fast and how long yet."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from deploy.cli import output
from deploy.cli.lines import Lines, duration, how_far


def test_how_far_is_said_with_rate_and_what_is_left() -> None:
    assert how_far(0, 2_000, 10_000, 20.0) == "2,000 of 10,000 (20%), 100/s, 1 min 20 s left"
    assert how_far(5_000, 5_010, 5_020, 20.0) == "5,010 of 5,020 (100%), 30.0 a minute, 20 s left"
    assert how_far(0, 40, 0, 10.0) == "40, 4/s"
    assert how_far(7, 7, 9, 61.0) == "7 of 9 (78%), for 1 min 1 s"
    assert how_far(0, 9, 9, 3.0) == "9 of 9 (100%), 3/s"
    assert [duration(s) for s in (0.4, 59, 75, 600, 5_000)] == [
        "0 s",
        "59 s",
        "1 min 15 s",
        "10 min",
        "1 h 23 min",
    ]


def test_what_was_heard_of_last_is_told() -> None:
    now = iter([0.0, 10.0, 20.0, 40.0, 70.0, 130.0, 140.0])
    lines = Lines(lambda _: None, clock=lambda: next(now))
    assert lines.line() == ""
    lines.step("sorting")
    assert lines.line() == "sorting, for 10 s"
    lines.update("films", 100, 300)
    lines.update("films", 160, 300)
    assert lines.line() == "films: 160 of 300 (53%), 2/s, 1 min 10 s left"
    lines.step("waiting")
    assert lines.line().startswith("waiting, for")


def test_what_is_done_is_not_told_as_if_it_went_on() -> None:
    now = iter([0.0, 10.0, 10.0, 88.0, 90.0, 100.0, 130.0])
    lines = Lines(lambda _: None, clock=lambda: next(now))
    lines.update("choosing: dim 128", 1, 1)
    assert lines.line() == "choosing: dim 128: done; at work on what follows for 1 min 18 s"
    lines.update("films", 0, 300)
    lines.update("films", 300, 300)
    assert lines.line() == "films (300): done; at work on what follows for 30 s"


def test_silence_ends_by_itself_and_nothing_is_said_after_the_end() -> None:
    said, two = [], threading.Event()

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            two.set()

    with Lines(say, every_s=0.01) as lines:
        lines.update("films", 1, 3)
        assert two.wait(30), "no lines although nothing was updated"
    lines._thread.join(30)
    assert not lines._thread.is_alive()
    assert all(line.startswith("films: 1 of 3") for line in said)


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What goes to a stderr that is no terminal; lines come every hundredth of a second."""
    text = io.StringIO()
    monkeypatch.setattr(output, "err", lambda: Console(file=text, force_terminal=False))
    monkeypatch.setattr(output, "EVERY_S", 0.01)
    return text


@pytest.mark.parametrize("quiet", [False, True])
def test_bars_are_lines_where_there_is_no_terminal(stderr: io.StringIO, quiet: bool) -> None:
    with output.bars(quiet) as shown:
        shown.update("ratings", 5, 10)
        threading.Event().wait(0.3)
    assert ("ratings: 5 of 10" in stderr.getvalue()) != quiet


def test_waiting_is_told_too(stderr: io.StringIO) -> None:
    with output.working("reading") as tell:
        threading.Event().wait(0.3)
        tell("comparing")
        threading.Event().wait(0.3)
    said = stderr.getvalue()
    assert said.index("reading, for") < said.index("comparing, for")
