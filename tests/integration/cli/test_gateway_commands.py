"""The commands that go through the gateway, against a real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from deploy.cli import item
from deploy.cli.client import GatewayClient
from streaming.exceptions import UnavailableError
from streaming.settings import Settings
from tests.integration.conftest import Spawn
from tests.integration.gateway.world import World, films
from tests.support import settings_env
from trainer.data import poster_frames


@pytest.fixture
def world(settings: Settings, milvus: object, spawn: Spawn) -> Iterator[World]:
    """A gateway that serves one space of 60 films, and a user who likes two of them."""
    made, catalogue = World(settings), films(60)
    space = made.space()
    made.put_films(space, catalogue)
    made.put_user(space, "fan", catalogue[:2])
    made.route(space)
    made.start(spawn)
    yield made
    made.store.drop_space_collections(space)


def run(settings: Settings, *words: str, as_json: bool = True) -> tuple[int, Any, str]:
    """(exit code, JSON of stdout or its text, stderr)."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *words, *(["--json"] if as_json else [])],
        env={**os.environ, **settings_env(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(done.stdout) if as_json and done.stdout else done.stdout
    return done.returncode, answer, done.stderr


def test_lookups_ratings_and_films(world: World) -> None:
    settings = world.settings
    code, answer, _ = run(settings, "recommend", "fan", "-k", "3", "--explain")
    assert (code, answer["source"], len(answer["items"])) == (0, "profile", 3)
    for film in answer["items"]:
        shares = sum(reason["share"] for reason in film["reasons"]) + (film.get("rest") or 0.0)
        assert shares == pytest.approx(film["score"], rel=1e-4)
    code, shown, _ = run(settings, "recommend", "fan", "--explain", as_json=False)
    assert code == 0
    assert "because of" in shown
    code, answer, _ = run(settings, "similar", "t:1", "-k", "2")
    assert (code, len(answer["items"])) == (0, 2)
    seen = answer["items"][0]["item_id"]
    assert run(settings, "rate", "fan", seen, "5")[0] == 0
    code, _, remark = run(settings, "rate", "fan", "t:none", "5")
    assert (code, "no film t:none is known" in remark) == (0, True)
    assert run(settings, "rate", "fan", "t:none", "--take-back")[::2] == (0, "")
    assert run(settings, "rate", "fan", seen, "--take-back")[0] == 0
    poster = str(poster_frames()[0])
    words = ("item", "put", "new:1", "--title", "New", "--poster", poster, "--genre")
    code, _, remark = run(settings, *words, "Nonsense")
    assert (code, "no film had the genre Nonsense;" in remark) == (0, True)
    known = next(iter(run(settings, "genres")[1]["genres"]))
    assert run(settings, *words, known.upper())[::2] == (0, "")
    code, film, _ = run(settings, "item", "show", "new:1")
    assert (code, film["title"], len(film["poster_sha256"])) == (0, "New", 64)
    assert run(settings, "rate", "fan", "new:1", "5")[::2] == (0, "")
    assert run(settings, "item", "remove", "new:1")[0] == 0
    assert run(settings, "item", "show", "new:1")[0] == 5


def test_a_film_whose_poster_is_none_is_not_put(world: World, tmp_path: Path) -> None:
    bad = tmp_path / "notes.txt"
    bad.write_text("no picture")
    words = ("item", "put", "new:2", "--title", "New", "--poster", str(bad))
    code, _, error = run(world.settings, *words)
    assert (code, "nothing was put" in error) == (2, True)
    assert run(world.settings, "item", "show", "new:2")[0] == 5


def test_a_poster_that_fails_after_the_film_was_put_says_so(
    monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    def away(self: GatewayClient, item_id: str, content: bytes) -> None:
        raise UnavailableError("the blob store is full")

    monkeypatch.setattr(GatewayClient, "put_poster", away)
    for name, value in settings_env(world.settings).items():
        monkeypatch.setenv(name, value)
    words = ["put", "new:3", "--title", "New", "--poster", str(poster_frames()[0])]
    result = CliRunner().invoke(item.command, words)
    assert isinstance(result.exception, UnavailableError)
    assert str(result.exception) == "new:3 was put, its poster was not: the blob store is full"
    assert run(world.settings, "item", "show", "new:3")[0] == 0


def test_what_goes_wrong_has_its_exit_code_and_a_sentence(world: World) -> None:
    code, _, error = run(world.settings, "recommend", "fan", "--genre", "Comdy")
    assert (code, "unknown genre 'Comdy': did you mean 'Comedy'?" in error) == (2, True)
    assert "marquee genres" in error
    assert "Comedy" in run(world.settings, "genres")[1]["genres"]
    gateway = world.settings.gateway.model_copy(update={"api_key": SecretStr("wrong")})
    code, _, error = run(world.settings.model_copy(update={"gateway": gateway}), "recommend", "fan")
    assert (code, "API key" in error) == (2, True)
    assert run(world.settings, "similar", "t:none")[0] == 5
    gateway = world.settings.gateway.model_copy(update={"url": "http://127.0.0.1:1"})
    code, _, error = run(world.settings.model_copy(update={"gateway": gateway}), "recommend", "fan")
    assert (code, "marquee stack up" in error) == (3, True)
