"""``marquee config show``: values, origins, no secrets."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli.main import root
from deploy.stack.layout import layout_of, load_secrets, stack_settings, write_private
from streaming.exceptions import NotFoundError

PROJECT = Path(__file__).parents[3]
OWN = {"MARQUEE_MILVUS_TOKEN", "MARQUEE_STACK_ID", "MARQUEE_STACK_SERVICE"}
"""What the stack says to processes that it starts; nobody else sets them."""
SECRET = "hunter2hunter2"


def rows(*, env: dict[str, str]) -> dict[str, dict[str, str]]:
    result = CliRunner().invoke(root, ["config", "show", "--json"], env=env)
    assert result.exit_code == 0, result.output
    return {row["setting"]: row for row in json.loads(result.output)}


def test_each_value_names_its_origin(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    write_private(layout.settings_file, stack_settings(layout, load_secrets(layout)[0], "marquee"))
    shown = rows(
        env={"MARQUEE_HOME": str(tmp_path), "MARQUEE_MILVUS__EF": "200", "MARQUEE_KAFKA__LINGER_MS": "7"}
    )
    assert (shown["milvus.ef"]["value"], shown["milvus.ef"]["origin"]) == ("200", "environment")
    assert shown["milvus.uri"]["origin"] == "stack file"
    assert shown["ledger.batch"]["origin"] == "default"
    assert shown["kafka.linger.ms"] == {
        "setting": "kafka.linger.ms",
        "value": "7",
        "origin": "environment",
        "variable": "MARQUEE_KAFKA__LINGER_MS",
        "description": "an option of librdkafka, for every Kafka client",
    }
    assert shown["kafka.bootstrap.servers"]["origin"] == "stack file"


def test_every_setting_is_described_and_the_page_is_what_the_command_prints(tmp_path: Path) -> None:
    for row in rows(env={"MARQUEE_HOME": str(tmp_path)}).values():
        assert row["description"], row["setting"]
    # whatever is set here, and whatever the stack wrote: the page is of no machine
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "settings.json").write_text("{")
    env = {"MARQUEE_HOME": str(tmp_path), "MARQUEE_MILVUS__EF": "200", "MARQUEE_KAFKA__LINGER_MS": "7"}
    printed = CliRunner().invoke(root, ["config", "show", "--markdown"], env=env)
    assert printed.output == (PROJECT / "docs" / "settings.md").read_text(), (
        "`marquee config show --markdown > docs/settings.md` writes it anew"
    )


def test_every_variable_that_the_code_names_is_described() -> None:
    page = (PROJECT / "docs" / "settings.md").read_text()
    named = {
        name
        for room in ("deploy", "handlers", "model_store", "streaming", "trainer")
        for file in (PROJECT / room).rglob("*.py")
        for name in re.findall(r'"((?:MARQUEE|DEMO)_[A-Z_]*[A-Z])"', file.read_text())
    }
    assert {"MARQUEE_CACHE", "DEMO_EXIT", "MARQUEE_ENGINE_THREADS"} < named
    assert [name for name in sorted(named - OWN) if f"`{name}`" not in page] == []


def test_what_each_is_for_is_shown_and_what_is_no_setting_too(tmp_path: Path) -> None:
    env = {"MARQUEE_HOME": str(tmp_path), "MARQUEE_CACHE": "/elsewhere", "COLUMNS": "200"}
    shown = CliRunner().invoke(root, ["config", "show", "--describe"], env=env).output
    assert re.search(r"milvus\.ef +128 +default +smallest ef", shown)
    assert re.search(r"MARQUEE_CACHE +/elsewhere +what is fetched", shown)


@pytest.mark.parametrize(
    "variable",
    [
        "MARQUEE_KAFKA__SASL_PASSWORD",
        "MARQUEE_KAFKA__SSL_KEY_PASSWORD",
        "MARQUEE_KAFKA__SSL_KEY_PEM",
        "MARQUEE_KAFKA__SASL_OAUTHBEARER_CLIENT_SECRET",
        "MARQUEE_MILVUS__TOKEN",
        "MARQUEE_GATEWAY__API_KEY",
        "MARQUEE_ERASURE__KEY",
        "MARQUEE_INTERNAL__TOKEN",
    ],
)
def test_secrets_are_never_shown(variable: str, tmp_path: Path) -> None:
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        result = CliRunner().invoke(root, arguments, env={"MARQUEE_HOME": str(tmp_path), variable: SECRET})
        assert result.exit_code == 0
        assert SECRET not in result.output
        assert "****" in result.output


def test_an_empty_home_is_the_default_one() -> None:
    assert rows(env={"MARQUEE_HOME": ""})["home"]["value"] == ".marquee"


def test_the_gateways_address_and_key_are_lines_for_a_shell(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    keys = load_secrets(layout)[0]
    write_private(layout.settings_file, stack_settings(layout, keys, "marquee"))
    environment = {**os.environ, "MARQUEE_HOME": str(tmp_path), "MARQUEE": f"{sys.executable} -m deploy.cli"}
    script = 'eval "$($MARQUEE config gateway)"; echo "$GATEWAY $KEY"'
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"http://127.0.0.1:{layout.port('gateway')}", keys.api_key]


def test_where_no_key_is_known_it_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(root, ["config", "gateway"], env={"MARQUEE_HOME": str(tmp_path)})
    assert isinstance(result.exception, NotFoundError)
    assert "MARQUEE_GATEWAY__API_KEY" in str(result.exception)
    quoted = {"MARQUEE_HOME": str(tmp_path), "MARQUEE_GATEWAY__API_KEY": "it's $HOME"}
    result = CliRunner().invoke(root, ["config", "gateway"], env=quoted)
    assert shlex.split(result.output.splitlines()[1]) == ["KEY=it's $HOME"]
