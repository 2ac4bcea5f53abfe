"""A user over HTTP, from the ledger that owns him."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from deploy.cli import user as user_command
from streaming.control.documents import SpaceDocument
from streaming.exceptions import NotFoundError
from tests.integration.conftest import Spawn
from tests.integration.gateway.world import Api, Film, World
from tests.support import settings_env, until


def marquee(world: World, *words: str) -> Result:
    return CliRunner().invoke(user_command.command, list(words), env=settings_env(world.settings))


def test_a_user_from_the_ledger_that_owns_him(
    world: World, space: SpaceDocument, catalogue: list[Film], api: Api, spawn: Spawn
) -> None:
    refused = api.get("/v1/users/u%2F1")
    # nobody owns the partition yet
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    first, second = spawn("ledger", world.settings), spawn("ledger", world.settings, instance="1")
    until(lambda: api.get("/v1/users/nobody").status_code == 404, 60)
    rows = [
        {"user_id": user, "item_id": f"t:{n}", "value": value, "event_time": f"2020-01-0{n}T00:00:00Z"}
        for user in ("u/1", *(f"u{n}" for n in range(24)))
        for n, value in ((1, 5), (2, 4), (3, 2.5), (4, None))
    ]
    assert api.http.post("/v1/ratings", json=rows).json()["accepted"] == len(rows)
    # they may be folded in more than one batch
    until(lambda: api.get("/v1/users/u%2F1").json().get("rated") == 3, 30)
    until(lambda: api.get("/v1/users/u%2F1").json()["taken_back"] == 1, 30)
    user = api.get("/v1/users/u%2F1").json()
    assert [(r["item_id"], r["value"], r["liked"]) for r in user["ratings"]] == [
        ("t:3", 2.5, False),
        ("t:2", 4.0, True),
        ("t:1", 5.0, True),
    ]
    assert user["ratings"][0]["event_time"] == "2020-01-03T00:00:00Z"
    assert user["ratings"][0]["title"] == "Film 3"
    assert (user["rated"], user["liked"], user["taken_back"], user["next_cursor"]) == (3, 2, 1, None)
    # there is no space worker here: his row is written by hand, first not yet whole
    assert user["profile"]["fresh"] is False
    world.put_user(space, "u/1", catalogue[1:3])
    assert api.get("/v1/users/u%2F1").json()["profile"]["fresh"] is False
    world.put_user(space, "u/1", catalogue[1:3], [catalogue[3]])
    until(lambda: api.get("/v1/users/u%2F1").json()["profile"]["fresh"], 30)

    page = api.get("/v1/users/u%2F1", params={"limit": 2}).json()
    rest = api.get("/v1/users/u%2F1", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert page["ratings"] + rest["ratings"] == user["ratings"]
    assert rest["next_cursor"] is None

    shown = marquee(world, "show", "u/1", "-n", "2", "--json")
    assert (shown.exit_code, json.loads(shown.output)["ratings"]) == (0, page["ratings"])
    people = marquee(world, "show", "u/1", "-n", "2").output
    assert "u/1: 3 ratings, 2 of them likes, 1 taken back" in people
    assert people.index("Film 3") < people.index("Film 2")
    assert "1 older, not shown: -n 3 shows all" in people
    unknown = marquee(world, "show", "nobody").exception
    assert isinstance(unknown, NotFoundError)
    assert unknown.exit_code == 5

    # owners move: everybody is still found, whoever owns him then
    assert first.terminate() == 0
    for n in range(24):
        until(lambda n=n: api.get(f"/v1/users/u{n}").status_code == 200, 30)
    assert api.http.delete("/v1/users/u%2F1").status_code == 202
    until(lambda: api.get("/v1/users/u%2F1").status_code == 404, 30)
    assert second.running
    assert "u/1" not in api.process.text()
