"""The gate ``evaluate``: nothing that was trained on judges, and worse vectors are seen to be worse."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from deploy.rollout.exceptions import NotComparableError
from deploy.rollout.gates.evaluating import Catalogue, Side, evaluate
from deploy.rollout.gates.heldout import Person, cut_off, cut_off_text, hold_out
from deploy.rollout.gates.limits import load_limits
from deploy.rollout.gates.rows import Gate
from model_store import Manifest
from model_store.manifest import TrainingData
from streaming.control.documents import MEAN
from streaming.documents import Ratings

LIMITS = load_limits().evaluate
ITEMS, TASTES, USERS = 120, 4, 240


def manifest(name: str, cut_off_ms: int) -> Manifest:
    data = TrainingData(name="d", fingerprint="f", ratings=1, users=1, items=1, cut_off_ms=cut_off_ms)
    return Manifest(schema=1, kind="built", name=name, version="1", dim=4, id_namespace="ml", data=data)


def test_only_what_neither_package_has_seen_may_judge() -> None:
    both = manifest("old", 100), manifest("new", 300)
    assert cut_off(both, None) == 300
    assert cut_off(both, 400) == 400
    with pytest.raises(
        NotComparableError, match="new@1 was trained on ratings up to 1970-01-01 00:00:00 UTC, after"
    ):
        cut_off(both, 299)
    with pytest.raises(NotComparableError, match="old@1 does not say"):
        cut_off((manifest("old", 0), both[1]), None)


def test_an_error_names_the_cut_off_and_whose_it_is() -> None:
    both = manifest("old", 1_537_799_250_000), manifest("new", 1_000)
    assert cut_off_text(both, None) == "2018-09-24 14:27:30 UTC, where the training data of old@1 end"
    assert cut_off_text(both, 1_577_836_800_000) == "2020-01-01 00:00:00 UTC (--cut-off)"
    people, catalogue, side = world()
    with pytest.raises(NotComparableError, match=r"after 2018-09-24 14:27:30 UTC, where .* of old@1 end; "):
        evaluate(people[:20], catalogue, side, side, LIMITS, cut_off_text(both, None))


def test_profiles_know_nothing_of_what_is_held_out() -> None:
    documents: dict[str, Ratings] = {
        "b": {"i1": (5.0, 100), "i2": (1.0, 100), "i3": (4.0, 101), "i4": (3.5, 101), "i5": (None, 102)},
        "a": {"i1": (5.0, 101)},
        "nothing since": {"i1": (5.0, 100)},
        "disliked since": {"i1": (2.0, 200)},
    }
    assert hold_out(documents, 100) == [
        Person("a", {}, frozenset({"i1"})),
        Person("b", {"i1": (5.0, 100), "i2": (1.0, 100)}, frozenset({"i3"})),
    ]


def world(seed: int = 5) -> tuple[list[Person], Catalogue, Side]:
    """People like films of one taste, and a space that knows the tastes; a few films and users are cold."""
    draw = np.random.default_rng(seed)
    taste = np.arange(ITEMS) % TASTES
    vectors = np.eye(TASTES, dtype=np.float32)[taste] + 0.3 * draw.normal(size=(ITEMS, TASTES))
    ids = tuple(f"i{n:03d}" for n in range(ITEMS))
    people = []
    for number in range(USERS):
        mine = draw.permutation(np.flatnonzero(taste == number % TASTES))
        known = mine[: 2 if number % 5 == 0 else 8]
        history: Ratings = {ids[i]: (5.0, 10) for i in known}
        people.append(Person(f"u{number}", history, frozenset(ids[i] for i in mine[8:14])))
    genres = np.eye(TASTES)[taste]
    cold = np.arange(ITEMS) >= 90
    catalogue = Catalogue(ids, genres, cold, draw.random(ITEMS))
    return people, catalogue, Side(vectors.astype(np.float32), np.ones(ITEMS, dtype=bool), MEAN)


def gate(people: list[Person], catalogue: Catalogue, new: Side, old: Side) -> Gate:
    found = evaluate(people, catalogue, new, old, LIMITS)
    return Gate("evaluate", "new", "old", 1, found.rows, found.remarks)


def shuffled(side: Side) -> Side:
    order = np.random.default_rng(1).permutation(len(side.vectors))
    return replace(side, vectors=side.vectors[order])


def test_the_same_vectors_pass_and_shuffled_ones_fail() -> None:
    people, catalogue, side = world()
    same = gate(people, catalogue, side, side)
    assert (same.verdict, same.exit_code, same.remarks) == ("passed", 0, ())
    assert [row.name for row in same.rows][:6] == [
        "NDCG@10 less",
        "Recall@10 less",
        "cold films: NDCG@10 less",
        "cold films: Recall@10 less",
        "cold users: NDCG@10 less",
        "cold users: Recall@10 less",
    ]
    worse = gate(people, catalogue, shuffled(side), side)
    assert worse.exit_code == 12
    assert {"NDCG@10 less", "Recall@10 less", "cold films: NDCG@10 less"} <= set(worse.failed)
    # the other way round nothing is lost
    better = {row.name: row for row in gate(people, catalogue, side, shuffled(side)).rows}
    assert better["NDCG@10 less"].high < 0


def test_a_space_that_lost_films_pays_for_it() -> None:
    people, catalogue, side = world()
    holes = replace(side, present=np.arange(ITEMS) % 2 == 0)
    assert "Recall@10 less" in gate(people, catalogue, holes, side).failed


def test_numbers_are_those_of_a_slow_computation() -> None:
    people, catalogue, side = world()
    other = shuffled(side)
    place = {item: n for n, item in enumerate(catalogue.item_ids)}

    def recalls(one: Side) -> list[float]:
        found = []
        for person in people:
            profile = np.mean([one.vectors[place[i]] for i in person.history], axis=0)
            ranked = sorted(place, key=lambda i: -float(profile @ one.vectors[place[i]]))
            shown = [i for i in ranked if i not in person.history][:10]
            found.append(len(set(shown) & person.liked_later) / len(person.liked_later))
        return found

    want = float(np.mean(recalls(side)) - np.mean(recalls(other)))
    rows = {row.name: row for row in gate(people, catalogue, other, side).rows}
    assert rows["Recall@10 less"].estimate == pytest.approx(want, abs=0.01)
    assert rows["Recall@10 less"].low <= want <= rows["Recall@10 less"].high


def test_too_few_are_refused_and_too_few_cold_ones_left_out() -> None:
    people, catalogue, side = world()
    with pytest.raises(NotComparableError, match="only 20 users"):
        gate(people[:20], catalogue, side, side)
    warm = replace(catalogue, cold=np.zeros(ITEMS, dtype=bool))
    found = gate(people, warm, side, side)
    assert len(found.rows) == 7
    assert found.remarks == ("cold films are not judged: liked later by 0 users only",)
    assert found.verdict == "passed"


def test_users_without_profile_are_asked_as_the_gateway_would() -> None:
    people, catalogue, side = world()
    strangers = [replace(person, history={}) for person in people]
    rows = {row.name: row for row in gate(strangers, catalogue, shuffled(side), side).rows}
    # both spaces give them what is popular
    assert rows["overlap@10"].estimate == 1.0
    policy = msgspec.structs.replace(MEAN, like_threshold=5.5)
    nobody = replace(side, policy=policy)
    rows = {row.name: row for row in gate(people, catalogue, nobody, nobody).rows}
    assert rows["overlap@10"].estimate == 1.0
