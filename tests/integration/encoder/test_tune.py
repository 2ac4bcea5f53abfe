"""Measuring how a package is best served: in a TorchServe of its own, stored once, used when registered."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploy.cli.model_engines import compile_
from deploy.cli.model_tune import tune_
from deploy.stack.torchserve import TorchServe
from deploy.tuning import measure
from handlers.engines.order import load_speeds
from handlers.tuning import TUNED_FILE, load_tuned
from model_store import Package, engines, find
from streaming.encoder import EncoderManagement
from streaming.settings import Settings
from tests.integration.encoder.tiny import NAME, VERSION, Tiny, tiny_package

SHORT = ["--seconds", "0.3", "--clients", "4", "--cores", "1", "--json"]


@pytest.fixture
def package(torchserve_service: TorchServe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A copy, so that what is measured is found by nobody else."""
    built = tiny_package(torchserve_service.models).package
    shutil.copytree(built.path, tmp_path / "models" / NAME / VERSION)
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path))
    monkeypatch.setenv("MARQUEE_MODELS_URL", str(tmp_path / "models"))
    return find(NAME, tmp_path / "models")


def called(*more: str) -> dict[str, object]:
    result = CliRunner().invoke(tune_, [f"{NAME}@{VERSION}", *SHORT, *more], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told: dict[str, object] = json.loads(result.stdout)
    return told


@pytest.mark.timeout(600)
def test_what_is_measured_is_kept_and_said_and_not_measured_twice(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "for_batching", lambda _: [])
    files = sorted(package.path.rglob("*"))
    first = called()
    assert first["measured"] is True
    assert first["engine"] == "onnxruntime"
    kept = load_tuned(package.path)
    assert kept is not None
    assert [trial.serving.batch for trial in kept.trials] == [1, 8]
    assert all(trial.per_s > 0 and trial.alone_ms > 0 for trial in kept.trials)
    assert kept.best in [trial.serving for trial in kept.trials]
    assert sorted(package.path.rglob("*")) == files
    second = called()
    assert second == {**first, "measured": False}


@pytest.mark.timeout(300)
def test_what_is_compiled_is_timed_and_said_to_serve_only_if_it_will(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    ms = {"onnxruntime-int8": 90.0, "onnxruntime": 60.0, "eager": 80.0}
    monkeypatch.setattr(engines, "_by_turns", lambda loaded, _: {name: [ms[name]] for name in loaded})
    arguments = [f"{NAME}@{VERSION}", "--engine", "int8", "--json"]
    result = CliRunner().invoke(compile_, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["serves"] == "onnxruntime"
    kept = load_speeds(package.path, 1)
    assert kept is not None
    assert kept.ms == {"onnxruntime-int8": 90.0, "onnxruntime": 60.0}


def test_versions_are_registered_as_they_are_told(serving: Settings, tiny: Tiny) -> None:
    management = EncoderManagement(serving, NAME)
    try:
        management.unregister(VERSION)
        management.register(VERSION, tiny.package.archive, 2, batch=16, delay_ms=3)
        described = management.describe(VERSION) or {}
        assert (described["batchSize"], described["maxBatchDelay"]) == (16, 3)
        assert described["minWorkers"] == 2
    finally:
        management.unregister(VERSION)
        management.close()


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("package")
def test_every_setting_is_tried_and_one_of_them_is_best() -> None:
    told = called("--cores", "2", "--again")
    trials: Any = told["trials"]
    assert len(trials) in (8, 9)
    assert {(t["serving"]["workers"], t["serving"]["threads"]) for t in trials} == {(1, 1), (1, 2), (2, 1)}
    assert told["best"] in [trial["serving"] for trial in trials]


@pytest.mark.full
@pytest.mark.timeout(600)
def test_ctrl_c_ends_everything_and_keeps_nothing(package: Package, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.cli", "model", "tune", f"{NAME}@{VERSION}", *SHORT]
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    run = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not list(temporary.rglob("torchserve.log")):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(3)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert not list(temporary.glob("marquee-tune-*"))
    assert not list(tmp_path.rglob(TUNED_FILE))
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(temporary) not in left
