"""``marquee evaluate``: what is printed and what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli.evaluate import command
from tests.unit.trainer.evaluation.made_results import errors, lists
from tests.unit.trainer.evaluation.test_served_report import result
from trainer.evaluation.rows import Row


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options of three small files; what is served is not really trained."""

    def evaluated(*args: object, k: int, few: int) -> dict[str, object]:
        return {**result(k), "few": few}

    monkeypatch.setattr("trainer.evaluation.report.evaluate_served", evaluated)
    ratings = "userId,movieId,rating,timestamp\n1,1,5,1\n"
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text(ratings)
    (tmp_path / "items.csv").write_text("movieId,title,genres\n1,One (1999),Drama\n")
    return [f"--{name}={tmp_path / name}.csv" for name in ("train", "test", "items")]


def test_served_prints_every_measure_at_ten_and_writes_nothing(three: list[str], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    done = CliRunner().invoke(command, ["served", *three])
    assert done.exit_code == 0, done.output
    for name in ("ndcg@10", "precision@10", "map@10", "mrr@10", "gini", "novelty", "calibration"):
        assert name in done.stdout
    assert sorted(tmp_path.iterdir()) == before


def test_served_writes_a_report_of_the_places_asked_for(three: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["served", *three, "--k=20", f"--out={tmp_path / 'out'}", "--json"])
    assert done.exit_code == 0, done.output
    found = {**result(20), "few": 9}
    assert json.loads(done.stdout) == found == json.loads((tmp_path / "out/result.json").read_text())
    assert "ndcg@20" in (tmp_path / "out/result.md").read_text()
    assert (tmp_path / "out/result.png").is_file()


def test_served_is_told_who_has_few_ratings(three: list[str]) -> None:
    done = CliRunner().invoke(command, ["served", *three, "--few-ratings=50", "--json"])
    assert json.loads(done.stdout)["few"] == 50


def test_served_refuses_more_places_than_are_retrieved(three: list[str]) -> None:
    done = CliRunner().invoke(command, ["served", *three, "--k=201"])
    assert done.exit_code == 2
    assert "201" in done.stderr


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two rows that take no time; where their results go."""
    rows = (
        Row("a-1", "lists of a", "none", (), lambda *_: lists(0.3)),
        Row("a-ratings", "ratings of a", "low", (), lambda *_: errors()),
    )
    monkeypatch.setattr("trainer.evaluation.results.ROWS", rows)
    monkeypatch.setenv("MARQUEE_DATA", str(tmp_path))
    return tmp_path / "docs" / "results"


def test_all_ends_with_a_table_and_writes_page_and_picture(out: Path) -> None:
    done = CliRunner().invoke(command, ["all", f"--out={out}"])
    assert done.exit_code == 0, done.output
    for word in ("what", "goal", "figure", "lists of a", "ratings of a", "plain 0.3000"):
        assert word in done.stdout
    assert "a-1: none" in done.stderr
    assert "| lists of a | none |" in (out.parent / "results.md").read_text()
    assert (out.parent / "pictures" / "results.png").is_file()


def test_all_prints_one_object_of_the_rows_asked_for(out: Path) -> None:
    done = CliRunner().invoke(command, ["all", f"--out={out}", "--only=a-ratings", "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["what"], row["goal"]) == ("ratings of a", "low")
    assert row["figure"].startswith("RMSE")
    assert row["command"] == "marquee evaluate all --only a-ratings"
    # the page is always whole
    assert "| lists of a | none | not run yet |" in (out.parent / "results.md").read_text()
