"""A package that is worse is stopped by the gate that is made for it, on the real parts."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from deploy.cli.rollout import command
from model_store import build
from streaming.events import RatingEvent
from tests.integration.encoder.tiny import Tiny
from tests.integration.rollout.bad import changed, crashing_on, narrow, slow
from tests.integration.rollout.house import House
from tests.integration.rollout.test_backfill import vectors
from tests.integration.rollout.test_life import NOTHING, PACKAGE, owned
from tests.integration.space.world import START_S
from tests.support import until
from trainer.space import write_package

pytestmark = pytest.mark.timeout(600)

FANS = 70
BEFORE = datetime.fromtimestamp(1_000_000_000, UTC)
"""Not after the newest rating that the tiny package was trained on."""


def shuffled(tiny: Tiny, folder: Path, models: Path) -> str:
    """The same package, but every film has the vector of another."""
    table = tiny.trained.table
    order = np.random.default_rng(3).permutation(len(table.vectors))
    mixed_up = replace(table, vectors=table.vectors[order], weights=np.ones_like(table.weights))
    config = msgspec.structs.replace(tiny.trained.config, version="2")
    source = write_package(replace(tiny.trained, config=config, table=mixed_up), folder)
    return build(str(source.path), models).manifest.reference


def fill_with_tastes(house: House, rng: random.Random) -> None:
    """Fans of one genre: films that they liked before the packages were trained, and what they like now."""
    genres: dict[str, list[str]] = {}
    for film in house.tiny.items[:-2]:
        genres.setdefault(film.genres[0], []).append(film.item_id)
    for number in range(FANS):
        mine = list(rng.choice([films for films in genres.values() if len(films) >= 6]))
        rng.shuffle(mine)
        for place, item_id in enumerate(mine):
            at = BEFORE if place < len(mine) // 2 else datetime.now(UTC)
            house.send(RatingEvent(f"fan{number}", at, item_id, 5.0))
    assert house.producer.flush(20) == 0


def evaluated(space: str, *words: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(command, ["evaluate", space, *words, "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_shuffled_vectors_are_stopped_by_evaluate(house: House, tmp_path: Path, rng: random.Random) -> None:
    fill_with_tastes(house, rng)
    bad = shuffled(house.tiny, tmp_path / "packages", Path(house.settings.models))
    first = house.answer("start", PACKAGE, "--promote")["space"]
    house.staffed(first)
    until(lambda: len(vectors(house, first)) == len(house.tiny.items), START_S, what="the first is filled")
    house.rollout("evaluate", first, code=6)  # nobody to compare it with
    # what is wrong with the engine is seen before anything of a space is made
    for version, change, words in (
        ("narrow", narrow, "the item table has vectors of 8 dimensions, the package says 16"),
        ("slow", slow, "latency ratio"),
    ):
        stopped = house.rollout("start", changed(house.tiny.package, version, change), "--detach", code=11)
        assert words in str(stopped.exception)
    assert house.states() == {first: "champion"}
    second = house.answer("start", bad, "--detach")["space"]
    house.staffed(second)
    assert [space["state"] for space in house.answer("resume", second)["spaces"]] == ["ready"]
    # what a package has seen cannot judge it
    house.rollout("evaluate", second, "--cut-off", "2001-01-01", code=15)
    code, found = evaluated(second)
    assert (code, found["verdict"], found["against"]) == (12, "failed", first)
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["NDCG@10 less"]["verdict"] == "failed"
    assert rows["NDCG@10 less"]["low"] > 0.02
    assert rows["NDCG@10 less"]["count"] >= FANS
    # negative control: the good one against the bad one, were that the champion
    refused = house.rollout("promote", second, "--yes", code=16)
    assert "`evaluate` has failed; `shadow` has not judged it" in str(refused.exception)
    house.answer("promote", second, "--yes", "--force", "--reason", "to judge the other way round")
    _, other = evaluated(first)
    rows = {row["name"]: row for row in other["rows"]}
    assert rows["NDCG@10 less"]["verdict"] == "passed"
    assert rows["NDCG@10 less"]["high"] < 0
    house.answer("rollback", "--yes")
    space = house.spaces()[second]
    assert space.state == "standby"
    house.answer("retire", second, "--yes")
    assert owned(house.settings, space) == NOTHING


@pytest.mark.full
def test_vectors_that_are_no_numbers_keep_a_space_from_ready(house: House, tmp_path: Path) -> None:
    first = house.answer("start", PACKAGE, "--promote")["space"]
    house.staffed(first)
    table = house.tiny.trained.table
    vectors = table.vectors.copy()
    vectors[::4] = np.nan
    broken = replace(table, vectors=vectors, weights=np.ones_like(table.weights))
    config = msgspec.structs.replace(house.tiny.trained.config, version="3")
    source = write_package(replace(house.tiny.trained, config=config, table=broken), tmp_path / "packages")
    bad = build(str(source.path), Path(house.settings.models)).manifest.reference
    second = house.answer("start", bad, "--detach")["space"]
    house.staffed(second)
    refused = house.rollout("resume", second, code=7)
    assert "refused" in str(refused.exception)
    assert house.states() == {first: "champion", second: "backfilling"}
    house.answer("abort", second, "--yes")
    assert owned(house.settings, house.spaces()[second]) == NOTHING


@pytest.mark.full
def test_a_model_that_crashes_on_many_films_keeps_its_space_from_ready(house: House) -> None:
    first = house.answer("start", PACKAGE, "--promote")["space"]
    house.staffed(first)
    hit = [film.item_id for film in house.tiny.items if "ghost" in film.title]
    assert len(hit) > 0.05 * len(house.tiny.items)
    bad = changed(house.tiny.package, "5", crashing_on("ghost"), served=True)
    second = house.answer("start", bad, "--detach")["space"]
    house.staffed(second)
    refused = house.rollout("resume", second, code=7)
    assert f"refused {len(hit)} of {len(house.tiny.items)} films, more than 5%" in str(refused.exception)
    assert house.states() == {first: "champion", second: "backfilling"}
    assert len(vectors(house, second)) == len(house.tiny.items) - len(hit), "others have their vectors"
    house.answer("abort", second, "--yes")
    assert owned(house.settings, house.spaces()[second]) == NOTHING

    # negative control: one film of forty is no reason
    number = house.tiny.items[16].item_id.partition(":")[2]
    bearable = changed(house.tiny.package, "6", crashing_on(number), served=True)
    third = house.answer("start", bearable, "--detach")["space"]
    house.staffed(third)
    assert [space["state"] for space in house.answer("resume", third)["spaces"]] == ["ready"]
    assert len(vectors(house, third)) == len(house.tiny.items) - 1
