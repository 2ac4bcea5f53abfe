"""How commands end where nothing answers, where all is well, and by Ctrl-C: what stderr and exit code say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.stack.layout import layout_of
from deploy.stack.ports import free_ports
from streaming.settings import Settings
from tests.support import settings_env

MARQUEE = (sys.executable, "-m", "deploy.cli")


@pytest.mark.parametrize("words", ["data import shipped", "topics check", "profiles check"])
def test_without_kafka_one_line_says_what_to_do(words: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    settings = Settings(home=tmp_path, kafka={"bootstrap.servers": f"127.0.0.1:{port}"})
    done = subprocess.run(
        [*MARQUEE, *words.split()],
        env={**os.environ, **settings_env(settings)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert f"127.0.0.1:{port}" in line
    assert "`marquee stack status`" in line
    assert "`marquee stack up`" in line


def test_where_all_is_well_stderr_is_empty(ensured: Settings) -> None:
    done = subprocess.run(
        [*MARQUEE, "topics", "check"],
        env={**os.environ, **settings_env(ensured)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_is_130_also_where_a_command_says_nothing_of_it(tmp_path: Path) -> None:
    logs = layout_of(tmp_path).logs
    logs.mkdir(parents=True)
    (logs / "gateway.log").write_text("a line\n")
    process = subprocess.Popen(
        [*MARQUEE, "stack", "logs", "gateway", "--follow"],
        env={**os.environ, "MARQUEE_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "a line\n"
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert (process.returncode, said.strip()) == (130, "stopped")
