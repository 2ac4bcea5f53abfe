"""Lookups in the order of the package's re-ranker, over real Kafka and Milvus, against one computed here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from handlers.signatures import load_private_key, sign
from model_store import generate_key
from streaming.control.documents import Canary
from streaming.gateway.rerank_features import CANDIDATES
from streaming.gateway.routing import space_for
from streaming.milvus.seen import DISLIKED, LIKED
from streaming.settings import TrustSettings
from tests.integration.conftest import Spawn
from tests.integration.gateway.world import Api, Film, World, exact, films, ids
from tests.support import until
from tests.support_reranker import model, write_package
from trainer.reranker.features import features, item_side

NOTES = {"like_threshold": 4.0}
LIKES = {"t:3": [(2_000, 3)], "t:40": [(1_900, 50), (2_000, 5)], "t:41": [(2_000, 700)]}
Vectors = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def expected(
    seed: int, catalogue: list[Film], profile: Vectors, rated: list[Film], liked: int, wanted: list[Film]
) -> list[str]:
    """``wanted`` without what was rated: the 200 best by inner product in the model's order, by the
    trainer's code over the whole catalogue, then the rest."""
    row = {film.item_id: n for n, film in enumerate(catalogue)}
    genres = sorted({genre for film in catalogue for genre in film.genres})
    side = item_side(
        np.stack([film.vector for film in catalogue]),
        np.array([[genre in film.genres for genre in genres] for film in catalogue]),
        np.array([film.year or 0 for film in catalogue], dtype=np.float32),
        np.array([sum(n for _, n in LIKES.get(film.item_id, [])) for film in catalogue]),
    )
    plain = exact(wanted, profile, [film.item_id for film in rated], len(wanted))
    classes = np.array([LIKED] * liked + [DISLIKED] * (len(rated) - liked), dtype=np.uint8)
    rows = np.array([row[item] for item in plain[:CANDIDATES]])
    order = model(seed, NOTES).order(features(side, np.array([row[f.item_id] for f in rated]), classes, rows))
    return [plain[i] for i in order] + plain[CANDIDATES:]


def metric(api: Api, name: str, space: str) -> float:
    lines = [line for line in api.get("/metrics").text.splitlines() if line.startswith(f"marquee_{name}{{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if f'"{space}"' in line)


def test_the_packages_re_ranker_orders_what_the_first_stage_finds_and_a_switch_turns_it_off(
    world: World, spawn: Spawn
) -> None:
    catalogue = films(300)
    write_package(Path(world.settings.models), "test@1", "1", 5, NOTES)
    world.put_popular(LIKES)
    space = world.space()
    world.put_films(space, catalogue)
    world.route(space)
    rated = catalogue[:20]
    profile = world.put_user(space, "u", rated[:12], rated[12:])
    api = world.start(spawn)
    want = expected(5, catalogue, profile, rated, 12, catalogue)
    plain = exact(catalogue, profile, [f.item_id for f in rated], len(catalogue))
    assert want[:10] != plain[:10]
    answer = api.recommend("u", k=10, explain="true")
    assert (ids(answer), answer["reranked"], answer["source"]) == (want[:10], True, "profile")
    vectors = {film.item_id: film.vector.astype(np.float64) for film in catalogue}
    for item in answer["items"]:
        shares = sum(reason["share"] for reason in item["reasons"]) + item["rest"]
        assert shares == pytest.approx(item["score"], rel=1e-4, abs=1e-5)
        assert item["score"] == pytest.approx(vectors[item["item_id"]] @ profile, rel=1e-4, abs=1e-5)
    # more than are re-ranked: the others follow as the first stage has them
    assert ids(api.recommend("u", k=260)) == want[:260]
    comedies = [film for film in catalogue if "Comedy" in film.genres]
    filtered = api.recommend("u", k=8, genre="Comedy")
    assert ids(filtered) == expected(5, catalogue, profile, rated, 12, comedies)[:8]
    varied = api.recommend("u", k=10, diversity=0.7)
    assert ids(varied)[0] == want[0]
    assert set(ids(varied)) <= set(want[:50])
    assert ids(varied) != want[:10]
    assert metric(api, "gateway_reranker_loaded", space.space) == 1
    assert metric(api, "gateway_reranked_total", space.space) == 4
    # nobody's profile, nothing to re-rank
    stranger = api.recommend("nobody", k=3)
    assert (stranger["source"], stranger["reranked"]) == ("popular", False)

    off = world.start(spawn, "1", reranker=False)
    answer = off.recommend("u", k=10)
    assert (ids(answer), answer["reranked"]) == (plain[:10], False)
    assert metric(off, "gateway_reranker_loaded", space.space) == 0


def test_a_package_that_may_not_be_used_gives_the_plain_order_and_says_so(
    world: World, spawn: Spawn, tmp_path: Path
) -> None:
    generate_key(tmp_path / "release.pem")
    trust = TrustSettings(keys=str(tmp_path / "release.pub.pem"))
    world.settings = world.settings.model_copy(update={"trust": trust})
    catalogue = films(120)
    folder = write_package(Path(world.settings.models), "broken", "1", 5, NOTES)
    content = bytearray((folder / "reranker.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "reranker.onnx").write_bytes(bytes(content))
    write_package(Path(world.settings.models), "unsigned", "1", 5, NOTES)
    for signed in (folder, write_package(Path(world.settings.models), "whole", "1", 5, NOTES)):
        signature = sign((signed / "manifest.json").read_bytes(), load_private_key(tmp_path / "release.pem"))
        (signed / "signature.json").write_bytes(signature)
    names = ("broken", "absent", "unsigned", "whole")
    broken, absent, unsigned, whole = (world.space(package=name) for name in names)
    for space in (broken, absent, unsigned, whole):
        world.put_films(space, catalogue)
        profile = world.put_user(space, "u", catalogue[:5])
    plain = exact(catalogue, profile, [f.item_id for f in catalogue[:5]], 10)
    world.route(broken)
    api = world.start(spawn)
    refused = (
        (broken, "its checksum differs"),
        (absent, "absent@1 cannot be read"),
        (unsigned, "unsigned@1 is not signed"),
    )
    for space, why in refused:
        world.route(space)
        until(lambda space=space: api.recommend("u")["space"] == space.space, 30)  # type: ignore[misc]
        answer = api.recommend("u", k=10)
        assert (ids(answer), answer["reranked"]) == (plain, False)
        assert metric(api, "gateway_reranker_failures_total", space.space) == 1
        said = [line for line in api.process.text().splitlines() if why in line]
        assert len(said) == 1, api.process.text()[-2000:]
        assert "the plain order serves" in said[0]
    world.route(whole)
    until(lambda: api.recommend("u")["space"] == whole.space, 30)
    answer = api.recommend("u", k=10)
    assert (ids(answer) == plain, answer["reranked"]) == (False, True), "signed by who is trusted"


def test_each_space_has_its_own_re_ranker(world: World, spawn: Spawn) -> None:
    catalogue = films(150)
    world.put_popular(LIKES)
    seeds = {}
    for seed, package in ((5, "one"), (6, "two")):
        write_package(Path(world.settings.models), package, "1", seed, NOTES)
        space = world.space(package=package)
        seeds[space.space] = seed
        world.put_films(space, catalogue)
    champion, canary = world.spaces.values()
    route = world.route(champion, canary=Canary(canary.space, 40.0))
    users = [f"u{n}" for n in range(12)]
    for user in users:
        for space in (champion, canary):
            profile = world.put_user(space, user, catalogue[:6])
    want = {
        space: expected(seed, catalogue, profile, catalogue[:6], 6, catalogue)[:10]
        for space, seed in seeds.items()
    }
    assert want[champion.space] != want[canary.space]
    api = world.start(spawn)
    answers = [api.recommend(user, k=10) for user in users]
    assert [answer["space"] for answer in answers] == [space_for(route, user) for user in users]
    assert {answer["space"] for answer in answers} == set(seeds)
    for answer in answers:
        assert (ids(answer), answer["reranked"]) == (want[answer["space"]], True)
