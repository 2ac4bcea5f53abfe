"""Bad words are told before anything takes its time: empty paths, versions, data, folders that are taken."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from deploy.cli import data, dlq, evaluate, train
from deploy.cli.films import score_text
from deploy.data.dead_letters import DeadLetter
from deploy.data.export import MANIFEST_FILE, require_free
from streaming.exceptions import ConfigurationError, MarqueeError


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize(
    ("command", "words"),
    [
        (data.command, ["describe", "{}"]),
        (data.command, ["import", "{}"]),
        (data.command, ["import", "shipped", "--posters", "{}"]),
        (data.command, ["export", "--until", "2026-01-01", "--out", "{}"]),
        (train.command, ["space", "--data", "{}"]),
        (train.command, ["space", "--poster-model", "random", "--posters", "{}"]),
        (evaluate.command, ["served", "--train", "{}", "--test", "x", "--items", "x"]),
    ],
)
def test_an_empty_path_is_called_empty(command: click.Command, words: list[str], empty: str) -> None:
    done = CliRunner().invoke(command, [word.format(empty) for word in words])
    assert done.exit_code == 2
    assert "the path is empty" in done.stderr


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation whose commands cannot load what takes seconds to load."""
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    for heavy in ("trainer.space", "trainer.vision", "trainer.evaluation.report"):
        monkeypatch.setitem(sys.modules, heavy, None)  # an import of it is an error
    return tmp_path


@pytest.mark.parametrize("kind", ["space", "vit"])
def test_a_version_that_cannot_be_is_wrong_use(kind: str, home: Path) -> None:
    words = [kind, "--version", "abc/../x"]
    done = CliRunner().invoke(train.command, words if kind == "space" else [*words, "--data", str(home)])
    assert done.exit_code == 2
    assert "'abc/../x' is no version" in done.stderr


def test_a_version_that_is_there_is_told_before_the_work(home: Path) -> None:
    (home / "home/packages/item-encoder/9").mkdir(parents=True)
    error = CliRunner().invoke(train.command, ["space", "--version", "9"]).exception
    assert isinstance(error, MarqueeError)
    assert (error.exit_code, "item-encoder@9 exists" in str(error)) == (4, True)


@pytest.mark.parametrize(("kind", "version"), [("space", "5"), ("vit", "2")])
def test_a_shipped_version_is_there_too(kind: str, version: str, home: Path) -> None:
    words = [kind, "--version", version, *(["--data", str(home)] if kind == "vit" else [])]
    error = CliRunner().invoke(train.command, words).exception
    assert isinstance(error, MarqueeError)
    assert (error.exit_code, f"encoder@{version} exists" in str(error)) == (4, True)
    # in a folder of one's own it stands in nobody's way: on to what takes time, which cannot be loaded here
    error = CliRunner().invoke(train.command, [*words, "--out", str(home / "own")]).exception
    assert isinstance(error, ImportError)


def test_a_poster_model_that_there_is_not_is_told_before_the_work(home: Path) -> None:
    error = CliRunner().invoke(train.command, ["space", "--version=9", "--poster-model=none@3"]).exception
    assert isinstance(error, MarqueeError)
    assert (error.exit_code, "none@3" in str(error)) == (5, True)


def test_bad_data_are_told_before_the_work(home: Path) -> None:
    (home / "ratings.csv").write_text("user_id,item_id,value,event_time\nann,a,4,\nann,a,4,yesterday\n")
    (home / "items.csv").write_text("item_id,title\na,A\n")
    files = [
        f"--train={home / 'ratings.csv'}",
        f"--test={home / 'ratings.csv'}",
        f"--items={home / 'items.csv'}",
    ]
    for command, words in (
        (train.command, ["space", "--data", str(home), "--version", "9"]),
        (evaluate.command, ["served", *files]),
    ):
        error = CliRunner().invoke(command, words).exception
        assert isinstance(error, MarqueeError), error
        assert error.exit_code == 2
        assert "ratings.csv, row 2: 'yesterday' is not a time" in str(error)


def test_an_earlier_export_goes_only_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "export"
    require_free(out, replace=False)
    out.mkdir()
    require_free(out, replace=False)
    (out / MANIFEST_FILE).touch()
    require_free(out, replace=True)
    # told before anybody looks for Kafka, which is not there
    monkeypatch.setenv("MARQUEE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    words = ["export", "--until", "2026-01-01", "--out", str(out)]
    error = CliRunner().invoke(data.command, words).exception
    assert isinstance(error, ConfigurationError)
    assert (error.exit_code, "--force" in str(error)) == (2, True)
    (out / MANIFEST_FILE).rename(out / "mine")
    with pytest.raises(ConfigurationError, match="no earlier export"):
        require_free(out, replace=True)


def test_an_import_says_to_people_what_it_did_and_no_more() -> None:
    report = {"source": "x", "fingerprint": "", "items": 2, "items_sent": 0, "ratings": 0, "posters": 0}
    report |= {"refused_posters": [], "ratings_sent": 0, "dry_run": False}
    assert [name for name, _ in data.imported_rows(report)] == [
        "source",
        "items",
        "items_sent",
        "ratings",
        "ratings_sent",
    ]
    assert [name for name, _ in data.imported_rows(report | {"dry_run": True})] == [
        "source",
        "items",
        "ratings",
    ]


def test_scores_are_no_powers_of_ten() -> None:
    assert [score_text(v) for v in (1_234.5, 999.7, 999.4, 0.12345, -2_000.0, 0.0)] == [
        "1,234",
        "1,000",
        "999",
        "0.123",
        "-2,000",
        "0",
    ]


def letter(offset: int, value: bytes | None, event_id: bytes | None = b"1") -> DeadLetter:
    headers = [("ce_id", event_id)]
    return DeadLetter("t.dlq.v1", 0, offset, "t", 0, offset, "bad", 0, b"key", value, headers)


def test_a_record_that_was_refused_again_is_the_same_one() -> None:
    first, again = letter(1, b"{"), letter(2, b"{")
    others = [
        letter(3, b"[", b"1"),
        letter(4, b"{", b"2"),
        letter(5, None),
        letter(6, b""),
        letter(7, b"{", None),
    ]
    assert first.identity == again.identity
    assert len({one.identity for one in (first, *others)}) == 6
    times = Counter(one.identity for one in (first, again, *others))
    assert dlq.refused_again(times).startswith("7 dead letters are of 6 records")
    assert dlq.refused_again(Counter([first.identity])) == ""
