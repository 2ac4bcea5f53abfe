"""What users are recommended, over real Kafka and Milvus, against the exact answer computed here."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deploy.stack.milvus import MilvusServer
from deploy.stack.milvus_fast import LEFT_TO_UPSTREAM
from streaming.control.documents import Canary, SpaceDocument
from streaming.gateway.routing import space_for
from streaming.observability import user_hash
from streaming.partition import partition_of
from tests.integration.conftest import Spawn
from tests.integration.gateway.world import Api, Film, World, exact, films, ids
from tests.support import until


def test_the_best_unseen_films_with_reasons_that_add_up(
    world: World, space: SpaceDocument, catalogue: list[Film], api: Api
) -> None:
    liked, disliked = catalogue[:12], catalogue[12:20]
    profile = world.put_user(space, "u/1", liked, disliked, unknown=["t:none"])
    answer = api.recommend("u%2F1", k=10, explain="true")
    assert ids(answer) == exact(catalogue, profile, [f.item_id for f in catalogue[:20]], 10)
    assert (answer["user_id"], answer["source"], answer["space"]) == ("u/1", "profile", space.space)
    assert len({answer["recommendation_id"]} | {api.recommend("u%2F1")["recommendation_id"]}) == 2
    by_id = {f.item_id: f for f in catalogue}
    for item in answer["items"]:
        assert item["title"] == by_id[item["item_id"]].title
        named = {reason["item_id"]: reason["share"] for reason in item["reasons"]}
        assert len(named) == 3
        assert set(named) <= {f.item_id for f in liked}
        assert sum(named.values()) + item["rest"] == pytest.approx(item["score"], rel=1e-4, abs=1e-5)
        vector = by_id[item["item_id"]].vector.astype(np.float64)
        for liked_id, share in named.items():
            assert share == pytest.approx(by_id[liked_id].vector.astype(np.float64) @ vector / 12, rel=1e-5)


@pytest.mark.parametrize("exact_filtered", [20_000, 0], ids=["filtered here", "filtered by Milvus"])
def test_filters_exclusions_and_diversity(
    world: World, space: SpaceDocument, catalogue: list[Film], spawn: Spawn, exact_filtered: int
) -> None:
    api = world.start(spawn, exact_filtered=exact_filtered)
    profile = world.put_user(space, "u", catalogue[:5])
    seen = [f.item_id for f in catalogue[:5]]
    comedies = [f for f in catalogue if "Comedy" in f.genres and f.year and 1960 <= f.year <= 1980]
    wanted = {"genre": "Comedy", "year_from": 1960, "year_to": 1980}
    best = exact(comedies, profile, seen, 8)
    assert ids(api.recommend("u", k=8, **wanted)) == best
    assert ids(api.recommend("u", k=8, exclude=best[:3], **wanted))[:5] == best[3:]
    everything = exact(comedies, profile, seen, 1_000)
    assert ids(api.recommend("u", k=1_000, **wanted)) == everything
    plain, varied = api.recommend("u", k=10), api.recommend("u", k=10, diversity=0.7)
    assert ids(varied)[0] == ids(plain)[0]
    assert ids(varied) != ids(plain)

    def alike(answer: dict[str, object]) -> float:
        vectors = np.array([f.vector for i in ids(answer) for f in catalogue if f.item_id == i], dtype=float)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return float((vectors @ vectors.T).mean())

    assert alike(varied) < alike(plain)


def test_milvus_lite_searches_for_lookups_the_quick_way(
    world: World, space: SpaceDocument, catalogue: list[Film], api: Api, milvus: MilvusServer
) -> None:
    said = milvus.log_path.read_text(errors="replace").count(LEFT_TO_UPSTREAM)
    world.put_user(space, "u", catalogue[:5])
    assert api.recommend("u", k=10)["source"] == "profile"
    assert api.get(f"/v1/items/{catalogue[0].item_id}/similar").status_code == 200
    assert milvus.log_path.read_text(errors="replace").count(LEFT_TO_UPSTREAM) == said


def test_whoever_has_no_profile_gets_what_is_popular(
    world: World, space: SpaceDocument, catalogue: list[Film], api: Api
) -> None:
    week = 2_000
    # 40 likes ten half-lives ago weigh less than one now
    world.put_popular(
        {"t:3": [(week, 3)], "t:4": [(week, 5)], "t:5": [(week - 129, 40)], "t:gone": [(week, 99)]}
    )
    until(lambda: ids(api.recommend("nobody", k=2)) == ["t:4", "t:3"], 30)
    answer = api.recommend("nobody", k=10)
    assert (answer["source"], answer["revision"], len(answer["items"])) == ("popular", None, 10)
    assert ids(answer)[2] == "t:5"
    assert [item["score"] for item in answer["items"]][:2] == [5.0, 3.0]
    world.put_user(space, "hater", [], disliked=[catalogue[4]])
    assert ids(api.recommend("hater", k=2)) == ["t:3", "t:5"]
    assert ids(api.recommend("nobody", k=2, genre="Action"))[0] == "t:3"


def test_nothing_seen_ever_comes_back_however_much_was_seen(world: World, spawn: Spawn) -> None:
    made = films(20_300)
    space = world.space()
    world.put_films(space, made)
    world.route(space)
    api = world.start(spawn)
    profile = world.put_user(space, "glutton", made[:15_000], made[15_000:20_000])
    answer = api.recommend("glutton", k=100)
    assert ids(answer) == exact(made[20_000:], profile, (), 100)
    profile = world.put_user(space, "fan", made[:500])
    answer = api.recommend("fan", k=100)
    assert not set(ids(answer)) & {f.item_id for f in made[:500]}
    # below 1,000 the search is Milvus's, which is approximate
    assert len(set(ids(answer)) & set(exact(made[500:], profile, (), 100))) >= 95
    assert ids(api.recommend("fan", k=10, genre="Western", year_from=1955, year_to=1955)) == exact(
        [f for f in made[500:] if "Western" in f.genres and f.year == 1955], profile, (), 10
    )
    answers_from_milvus_alone(world, space, made, profile, world.start(spawn, "1", matrix_mb=1))


def answers_from_milvus_alone(
    world: World, space: SpaceDocument, made: list[Film], profile: np.ndarray, api: Api
) -> None:
    """A space whose 1.3 MB of vectors are more than the gateway may hold: the same answers, from Milvus."""
    assert "this space's vectors are not held" in api.process.text()
    seen = {film.item_id for film in made[:500]}
    best = exact(made[500:], profile, (), 10)
    answer = api.recommend("fan", k=10, explain="true")
    assert not set(ids(answer)) & seen
    assert len(set(ids(answer)) & set(best)) >= 8, "the search is approximate"
    for item in answer["items"]:
        shares = sum(reason["share"] for reason in item["reasons"]) + item["rest"]
        assert shares == pytest.approx(item["score"], rel=1e-3, abs=1e-4)
    westerns = {f.item_id for f in made[500:] if "Western" in f.genres and f.year == 1955}
    filtered = ids(api.recommend("fan", k=10, genre="Western", year_from=1955, year_to=1955))
    assert (len(filtered), set(filtered) <= westerns) == (10, True)
    varied = ids(api.recommend("fan", k=10, diversity=0.7))
    assert (len(varied), set(varied) & seen) == (10, set())
    # more was rated than Milvus may be asked for at once
    glutton = ids(api.recommend("glutton", k=10))
    assert not set(glutton) & {film.item_id for film in made[:20_000]}
    alike = api.get("/v1/items/t:7/similar", params={"k": 5})
    assert alike.status_code == 200, alike.text
    want = exact([film for film in made if film.item_id != "t:7"], made[7].vector, (), 5)
    assert len(set(ids(alike.json())) & set(want)) >= 4


def test_films_come_and_go_while_it_runs(
    world: World, space: SpaceDocument, catalogue: list[Film], api: Api
) -> None:
    profile = world.put_user(space, "u", catalogue[:5])
    new = Film("t:new", 10 * profile, "New", 2024, ("Silent",))
    assert api.get("/v1/users/u/recommendations", params={"genre": "Silent"}).status_code == 400
    world.put_films(space, [new])
    until(lambda: ids(api.recommend("u", k=1)) == ["t:new"], 30)
    # whatever its case, and who mistypes it is told
    assert ids(api.recommend("u", genre="silent")) == ids(api.recommend("u", genre="Silent")) == ["t:new"]
    told = api.get("/v1/users/u/recommendations", params={"genre": "Silnt"}).json()["detail"]
    assert "did you mean 'Silent'?" in told
    assert api.get("/v1/genres").json()["genres"]["Silent"] == 1
    partition = partition_of("t:new", world.settings.topics.items_partitions)
    world.produce(world.names.vectors(space.space), partition, "t:new", None)
    world.producer.flush()
    # its row still lies in Milvus
    until(lambda: "t:new" not in ids(api.recommend("u", k=1)), 30)
    assert len(ids(api.recommend("u", k=10))) == 10


def test_users_are_answered_from_their_space_and_promotion_takes_a_second(
    world: World, space: SpaceDocument, catalogue: list[Film], api: Api
) -> None:
    other = world.space()
    world.put_films(other, films(50, seed=1))
    route = world.route(space, canary=Canary(other.space, 40.0))
    users = [f"u{n}" for n in range(60)]

    def spaces() -> list[str]:
        return [api.recommend(user, k=1)["space"] for user in users]

    expected = [space_for(route, user) for user in users]
    assert set(expected) == {space.space, other.space}
    until(lambda: spaces() == expected, 30)
    world.route(other)
    until(lambda: set(spaces()) == {other.space}, 30)


def test_what_was_answered_is_logged_without_the_user(
    world: World, space: SpaceDocument, catalogue: list[Film], api: Api
) -> None:
    world.put_user(space, "somebody", catalogue[:5])
    answer = api.recommend("somebody")
    assert api.process.terminate() == 0
    (record,) = world.read(world.names.served, world.settings.topics.ratings_partitions)
    key, value = record.key(), record.value()
    assert key is not None
    assert value is not None
    assert key.decode() == answer["recommendation_id"]
    assert b"somebody" not in value
    served = json.loads(value)
    assert served["items"] == ids(answer)
    assert served["user"] == user_hash(world.settings, "somebody")
    assert "somebody" not in api.process.text()
