"""A text model by its Hugging Face id: fetched once, told apart from what is not there, never a pickle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from deploy.stack.ports import free_ports
from handlers.config import load_config
from handlers.text_model import OWN_FILES
from tests.integration.cli.hub import COMMIT, hub
from tests.integration.encoder.tiny import write_data
from tests.unit.trainer.hub.tiny import write_bert

NAME = "somebody/tiny-bert"


def train(tmp_path: Path, endpoint: str, version: str, model: str = NAME) -> subprocess.CompletedProcess[str]:
    """`marquee train space` by ``model``, with the hub at ``endpoint`` and a cache of its own."""
    words = ("--data", tmp_path / "data", "--out", tmp_path / "out", "--version", version, "--no-reranker")
    home = {
        "MARQUEE_HOME": tmp_path / "home",
        "MARQUEE_CACHE": tmp_path / "cache",
        "HF_HOME": tmp_path / "hf",
    }
    return subprocess.run(
        [
            *(sys.executable, "-m", "deploy.cli", "train", "space", "--text-model", model, "--json"),
            *("--dim", "8", "--threads", "1", *map(str, words)),
        ],
        env={**os.environ, **{k: str(v) for k, v in home.items()}, "HF_ENDPOINT": endpoint},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_a_model_of_a_hub_is_fetched_once_and_becomes_part_of_the_package(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    write_bert(repository)
    (repository / "pytorch_model.bin").write_bytes(b"a pickle")
    write_data(tmp_path / "data")
    with hub(repository, NAME) as (endpoint, asked):
        done = train(tmp_path, endpoint, "1")
        assert done.returncode == 0, done.stderr
        assert any(path.endswith("/model.safetensors") for path in asked)
        assert not any(path.endswith(".bin") for path in asked)
        missing = train(tmp_path, endpoint, "2", "somebody/else")
    assert missing.returncode == 2
    assert "the hub has no model somebody/else" in missing.stderr
    package = Path(json.loads(done.stdout)["path"])
    assert load_config(package).text_model.origin == f"{NAME}@{COMMIT}"
    assert all((package / name).is_file() for name in OWN_FILES)
    # the hub is gone, its cache is not
    again = train(tmp_path, endpoint, "2")
    assert again.returncode == 0, again.stderr
    assert load_config(tmp_path / "out" / "item-encoder" / "2").text_model == load_config(package).text_model


def test_without_a_hub_one_line_says_what_to_do(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    (port,) = free_ports(1)
    done = train(tmp_path, f"http://127.0.0.1:{port}", "1")
    assert done.returncode == 2
    assert f"{NAME} is not in the cache, and no hub is reachable: name a folder" in done.stderr
