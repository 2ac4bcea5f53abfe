"""``marquee model``: sign, publish, pull, diff and rm on small packages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli import model
from deploy.cli.model_tidy import PackageInUseError, differences
from deploy.packages import users_of
from model_store import locate
from streaming.control.documents import Change, SpaceDocument, State
from streaming.control.state import ControlState
from streaming.exceptions import MarqueeError
from tests.unit.model_store.packages import put


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MARQUEE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    put(tmp_path / "home" / "models", "1")
    return tmp_path / "home"


def run(*words: str) -> Result:
    return CliRunner().invoke(model.command, list(words))


def told(result: Result) -> MarqueeError:
    assert isinstance(result.exception, MarqueeError), result.output
    return result.exception


@pytest.mark.parametrize("name", sorted(model.command.commands))
def test_every_command_explains_itself(name: str) -> None:
    shown = CliRunner().invoke(model.command, [name, "--help"])
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) > 4


def test_from_key_to_another_machine(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, shared = str(tmp_path / "k.pem"), str(tmp_path / "shared")
    made = json.loads(run("keygen", key, "--json").output)
    monkeypatch.setenv("MARQUEE_TRUST__KEYS", made["public"])
    assert "is not signed" in str(told(run("publish", "tiny@1", "--to", shared)))
    assert json.loads(run("sign", "tiny@1", "--key", key, "--json").output)["key"] == made["key"]
    assert run("publish", "tiny@1", "--to", shared).exit_code == 0
    assert json.loads(run("show", "tiny@1", "--json").output)["signer"] == made["key"]
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "other"))
    assert [row["package"] for row in json.loads(run("pull", "--from", shared, "--json").output)] == [
        "tiny@1"
    ]
    assert run("pull", "tiny@1", "--from", shared).exit_code == 0
    assert locate("tiny@1", tmp_path / "other" / "models").manifest.version == "1"
    assert "where?" in str(told(run("publish", "tiny@1")))


def test_a_package_trained_on_no_ratings_has_no_cut_off(home: Path) -> None:
    (row,) = [row for row in json.loads(run("list", "--json").output) if row["package"] == "tiny@1"]
    assert row["cut_off"] is None
    for words in (["list"], ["show", "tiny@1"]):
        shown = run(*words).output
        assert "1970" not in shown
        assert re.search(r"(tiny@1.*|cut-off) +│ - ", shown), shown


def test_diff_names_what_changed_and_nothing_else(home: Path) -> None:
    put(home / "models", "2", b"other")
    rows = json.loads(run("diff", "tiny@1", "tiny@2", "--json").output)
    assert {row["what"] for row in rows} == {"version", "files.weights.sha256", "files.weights.bytes"}
    same = locate("tiny@1", home / "models").manifest
    assert differences(same, same) == []


def test_rm_asks_who_uses_a_package_and_without_an_answer_leaves_it(home: Path) -> None:
    assert told(run("rm", "tiny@1")).exit_code == 3
    assert (home / "models" / "tiny" / "1").is_dir()
    assert run("rm", "tiny@1", "--unchecked").exit_code == 0
    assert not (home / "models" / "tiny" / "1").exists()
    assert told(run("rm", "tiny@1", "--unchecked")).exit_code == 5
    assert run("rm", "tiny").exit_code == 2
    assert PackageInUseError.exit_code == 4


@pytest.mark.parametrize(
    ("state", "dropped", "used"),
    [
        ("created", False, True),
        ("champion", False, True),
        ("standby", False, True),
        ("retired", False, True),
        ("retired", True, False),
        ("aborted", True, False),
    ],
)
def test_a_package_is_used_until_its_last_space_is_dropped(state: State, dropped: bool, used: bool) -> None:
    change = Change(revision=1, nonce="n", operator="me", reason="r", at_ms=0)
    space = SpaceDocument(
        space="s", package="tiny", version="1", dim=2, state=state, dropped=dropped, change=change
    )
    control = ControlState().with_document(space)
    assert users_of("tiny", "1", control) == (["s"] if used else [])
    assert users_of("tiny", "2", control) == []
