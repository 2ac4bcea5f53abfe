"""A space from its package to its end, by the operator's commands, on real Kafka, Milvus and TorchServe."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from deploy.rollout.changes import make, plan
from deploy.rollout.exceptions import IllegalStepError, NotProvenError
from deploy.rollout.proving import prove
from streaming.control.documents import SpaceDocument
from streaming.encoder.management import EncoderManagement
from streaming.kafka.config import admin_options
from streaming.milvus.client import MilvusStore
from streaming.settings import Settings
from tests.integration.rollout.house import USERS, House
from tests.support import until

pytestmark = pytest.mark.timeout(600)
"""Services start and packages are trained for the first test: that takes long on a busy machine."""

PACKAGE = "tiny-encoder@1"

KILLED_AT = """
import os, signal, sys
from deploy.rollout import Driver
from streaming.control.documents import MEAN
from streaming.settings import load_settings
word, what, *space = sys.argv[1:]
def step(text):
    if text.startswith(word):
        os.kill(os.getpid(), signal.SIGKILL)
driver = Driver(load_settings(), "ann", "killed", step)
driver.start(what, MEAN) if not space else driver.resume(space[0])
"""


def owned(settings: Settings, space: SpaceDocument) -> dict[str, Any]:
    """What there is of a space."""
    admin = AdminClient(admin_options(settings))
    topics = admin.list_topics(timeout=10).topics
    groups = admin.list_consumer_groups().result(10).valid
    store = MilvusStore(settings)
    try:
        collections = [name for name in store.list_collections() if name in _names(space)]
    finally:
        store.close()
    return {
        "topics": [name for name in topics if space.space in name],
        "groups": [group.group_id for group in groups if space.space in group.group_id],
        "collections": sorted(collections),
    }


def _names(space: SpaceDocument) -> tuple[str, str]:
    return space.items_collection, space.users_collection


def models(settings: Settings, space: SpaceDocument) -> list[str]:
    management = EncoderManagement(settings, space.package)
    try:
        return management.versions()
    finally:
        management.close()


NOTHING: dict[str, list[str]] = {"topics": [], "groups": [], "collections": []}


def test_a_whole_life_by_commands(house: House) -> None:
    dry = house.answer("start", PACKAGE, "--dry-run")
    assert (dry["package"], house.states()) == (PACKAGE, {})
    house.rollout("start", PACKAGE, "--no-verify", code=2)  # not without a reason
    first = house.answer("start", PACKAGE, "--promote", "--operator", "ann")["space"]
    house.staffed(first)
    # ratings are up to ten days old: a half-life of two makes other profiles, which the checks recompute
    aging = ["--policy", "weighted", "--half-life", "2"]
    second = house.answer("start", PACKAGE, *aging, "--detach", "--reason", "try")["space"]
    assert "-weighted-2d-" in second
    assert house.states() == {first: "champion", second: "backfilling"}

    # not proven, not served: the machine says what is legal instead
    refused = house.rollout("canary", second, "--percent", "5", "--yes", code=6)
    assert isinstance(refused.exception, IllegalStepError)
    assert "`rollout resume`, `rollout abort`" in str(refused.exception)
    house.staffed(second)
    ready = house.answer("resume", second)["spaces"]
    assert [space["state"] for space in ready] == ["ready"]
    store = MilvusStore(house.settings)
    assert store.count(house.spaces()[second].users_collection) == USERS
    store.close()

    # no gate has spoken for it
    refused = house.rollout("promote", second, "--yes", code=16)
    assert "`evaluate` has not judged it; `shadow` has not judged it" in str(refused.exception)
    assert "`verify`" not in str(refused.exception), "the champion is served by the same package"
    house.rollout("promote", second, "--yes", "--force", code=2)  # not without a reason
    house.rollout("start", PACKAGE, "--promote", code=2)
    assert house.states() == {first: "champion", second: "ready"}

    house.rollout("shadow", second, code=2)  # nobody to ask, no --yes
    before = house.answer("status")
    planned = house.answer("canary", second, "--percent", "5", "--dry-run")
    assert planned["route"]["canary"] == {"space": second, "percent": 5.0}
    assert house.answer("status")["revision"] == before["revision"], "a dry run writes nothing"
    for words, states in (
        (("shadow", second), ("champion", "shadow")),
        (("canary", second, "--percent", "5"), ("champion", "canary")),
        (("canary", second, "--percent", "50"), ("champion", "canary")),
        (("promote", second, "--force"), ("standby", "champion")),
        (("rollback",), ("champion", "standby")),
        (("promote", first), ("champion", "standby")),  # is champion already: nothing happens
        (("rollback", "--to", second), ("standby", "champion")),
    ):
        house.answer(*words, "--yes", "--operator", "bob", "--reason", "because")
        assert house.states() == {first: states[0], second: states[1]}, words
    house.rollout("retire", second, "--yes", code=6)

    # what is retired is dropped whole, but for the model version, which the other one needs
    space = house.spaces()[first]
    until(lambda: all(owned(house.settings, space).values()), 60, what="there is something to drop")
    retired = house.answer("retire", first, "--yes")
    assert (retired["state"], retired["dropped"]) == ("retired", True)
    assert owned(house.settings, space) == NOTHING
    assert models(house.settings, space) == ["1"]
    until(lambda: not house.workers[first].running, 20, what="its worker ends by itself")
    assert house.workers[second].running
    assert house.answer("status")["unfinished"] == []

    told = house.answer("history")["moves"]
    assert [m["revision"] for m in told] == sorted(m["revision"] for m in told)
    mine = [(m["state"], m["percent"], m["operator"]) for m in told if m["space"] == second][3:]
    assert mine == [
        ("shadow", None, "bob"),
        ("canary", 5.0, "bob"),
        ("canary", 50.0, "bob"),
        ("champion", None, "bob"),
        ("standby", None, "bob"),
        ("champion", None, "bob"),
    ]
    (forced,) = [m for m in told if m["space"] == second and m["reason"].startswith("forced")]
    assert forced["state"] == "champion"
    assert forced["reason"].endswith("`canary` has not judged it: because")
    differences = house.answer("diff", first, second)["differences"]
    assert differences["policy: name"] == ["mean", "weighted"]
    assert differences["policy: half_life_days"] == [0, 2]
    assert "package" not in differences


def killed(house: House, word: str, *what: str) -> None:
    """The command's work in a process of its own, ended by SIGKILL when it says ``word``."""
    run = subprocess.run(
        [sys.executable, "-c", KILLED_AT, word, *what],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr[-2000:]


def break_a_row(settings: Settings, space: SpaceDocument) -> None:
    """Another vector for one user, which says that it is the newest."""
    store = MilvusStore(settings)
    row = store.get_user(space.users_collection, "u1")
    assert row is not None
    store.upsert_users(space.users_collection, [replace(row, vector=row.vector * 2 + 1)])
    store.close()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("creating collections", "deleting groups"),
        pytest.param("ensuring topics", "dropping collections", marks=pytest.mark.full),
        pytest.param("registering", "unregistering", marks=pytest.mark.full),
        pytest.param("space ", "waiting", marks=pytest.mark.full),
    ],
)
def test_killed_at_any_step_it_goes_on(house: House, start: str, end: str) -> None:
    killed(house, start, PACKAGE)
    (space,) = house.spaces().values()
    assert space.state == "created", "the fault hit in the middle"
    assert house.answer("status")["unfinished"] == [space.space]
    house.staffed_once_live(space.space)
    (ready,) = house.answer("resume")["spaces"]
    assert (ready["space"], ready["state"]) == (space.space, "ready")
    house.workers[space.space].kill9()  # or it would mend what is broken now
    break_a_row(house.settings, space)
    with pytest.raises(NotProvenError, match="stale 1"):
        prove(house.settings, house.spaces()[space.space], 1.0)

    planned = house.answer("abort", space.space, "--dry-run")
    assert planned["dry_run"]
    make(house.settings, plan(house.settings, "abort", space.space), "ann", "")
    killed(house, end, PACKAGE, space.space)
    assert not house.spaces()[space.space].dropped, "the fault hit in the middle"
    (gone,) = house.answer("resume")["spaces"]
    assert gone["dropped"]
    assert owned(house.settings, space) == NOTHING
    assert models(house.settings, space) == []
    assert house.answer("resume")["spaces"] == []
