"""How the demo ends: what it says, and what it leaves alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rich.console import Console

from deploy.cli.stopping import INTERRUPTED
from deploy.demo import closing
from deploy.demo.__main__ import last_scenes, main
from deploy.demo.report import Report


def interrupted(console: Console, report: Report) -> bool:
    """A play in which somebody presses Ctrl-C when some figures are there."""
    report.add(ratings_sent=1)
    raise KeyboardInterrupt


def test_an_interrupted_demo_leaves_the_earlier_report_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path))
    report = tmp_path / Report.FILE
    report.write_text("the good one")
    assert main(interrupted) == INTERRUPTED
    assert report.read_text() == "the good one"
    said = capsys.readouterr().out
    assert "stopped" in said
    assert "holds" not in said
    assert "stays up" not in said, "there is no stack in this home"


def test_what_stays_up_and_how_to_end_it_is_said() -> None:
    assert "`marquee stack down`" in closing.what_stays()[0]


def test_nobody_is_sent_to_a_stack_that_ends() -> None:
    assert [title for title, _ in last_scenes(ends=False)] == ["figures", "what to try next"]
    assert [title for title, _ in last_scenes(ends=True)] == ["figures"]


def test_the_way_to_the_command_is_named_where_it_is_not_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "marquee").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert closing.on_path() == []
    (tmp_path / "marquee").unlink()
    monkeypatch.chdir(Path(sys.prefix).parent)
    assert closing.on_path() == [f". {Path(sys.prefix).name}/bin/activate"]
    monkeypatch.chdir(tmp_path)
    assert closing.on_path() == [f". {sys.prefix}/bin/activate"]
    assert any("activate" in line for line in closing.what_stays())
