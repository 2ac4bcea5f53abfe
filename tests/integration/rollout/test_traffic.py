"""Shadow, canary, promotion and rollback under live lookups on two gateways (rule 8)."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploy.cli.kpi import command as kpi
from deploy.cli.rollout_gates import gate as gates
from deploy.cli.stopping import INTERRUPTED
from deploy.rollout.changes import make, plan
from deploy.rollout.presence import GATEWAY, Followers
from streaming.control.reader import read_control
from streaming.settings import Settings
from tests.integration.gateway.world import World
from tests.integration.rollout.theatre import USERS, Theatre
from tests.integration.rollout.traffic import Revision, Traffic, astray, failed, longest_gap, mixed
from tests.support import settings_env, until

pytestmark = pytest.mark.timeout(600)
"""Services start and packages are trained for the first test: that takes long on a busy machine."""

RATE = 200.0
ANSWERS = 260
"""After each move; four moves and the beginning make more than 1,000 that span the revisions."""


@pytest.fixture(scope="module")
def theatre(module_settings: Settings) -> Iterator[Theatre]:
    made = Theatre(World(module_settings))
    try:
        made.open()
        yield made
    finally:
        made.close()


def test_nobody_fails_and_no_answer_mixes_while_users_change_spaces(
    theatre: Theatre, rng: random.Random
) -> None:
    old, new = theatre.champion, theatre.add().space
    route = read_control(theatre.settings).route
    assert route is not None
    revisions = [Revision(route, 0.0, 0.0)]
    traffic = Traffic(theatre.urls, USERS, RATE, rng)
    began = time.monotonic()
    try:
        traffic.more(ANSWERS)
        for move, percent in (("canary", 30.0), ("promote", None), ("rollback", None), ("rollback", None)):
            space = new if move != "rollback" else None
            revisions.append(theatre.move(move, space, percent))  # type: ignore[arg-type]
            traffic.more(ANSWERS)
    finally:
        traffic.stop()
    answers = traffic.answers
    seconds = time.monotonic() - began
    assert failed(answers) == []
    assert mixed(answers, theatre.truth) == []
    assert astray(answers, revisions) == []
    assert len(answers) >= 1_000
    by_space = {s: sum(a.body is not None and a.body["space"] == s for a in answers) for s in (old, new)}
    assert min(by_space.values()) >= ANSWERS
    before = sorted(a.ended - a.began for a in answers if a.ended < revisions[1].written)
    spans = [(r.written, r.seen + 1.0) for r in revisions[2:]]
    gaps = [
        f"{1000 * longest_gap(answers, *span):.0f} ({1000 * traffic.stalled(*span):.0f})" for span in spans
    ]
    quiet = longest_gap(answers, answers[0].ended, revisions[1].written)
    print(
        f"  {len(answers)} lookups, {len(answers) / seconds:.0f}/s, 0 failed, 0 mixed; longest gap in ms"
        f" (of it this process stood still) around each promotion or rollback {', '.join(gaps)}, before"
        f" {1000 * quiet:.0f}; p99 of a lookup before {1000 * before[int(0.99 * len(before))]:.0f}"
    )

    # negative controls: a mixture is seen, and so is a user in the wrong space
    swapped = {old: new, new: old}
    some = [a for a in answers if a.body is not None][:50]
    forged = [replace(a, body={**a.body, "space": swapped[a.body["space"]]}) for a in some if a.body]
    assert len(mixed(forged, theatre.truth)) == len(forged)
    assert astray(answers, revisions[:1])


def test_a_replay_ended_by_ctrl_c_reports_what_it_has_seen(theatre: Theatre, tmp_path: Path) -> None:
    recording = tmp_path / "visits.jsonl"
    visits = [
        {"at": n * 0.05, "user_id": USERS[n % 100], "item_id": "f0", "value": 4.5} for n in range(1_200)
    ]
    recording.write_text("".join(json.dumps(visit) + "\n" for visit in visits))
    command = [
        sys.executable,
        "-m",
        "deploy.cli",
        "rollout",
        "replay",
        "--from",
        str(recording),
        "--rate",
        "20",
    ]
    environment = {**os.environ, **settings_env(theatre.settings)}
    began, before = time.monotonic(), theatre.count("lookups_total")
    child = subprocess.Popen(
        [*command, "--only-lookups", "--json", "--url", theatre.urls[0]],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    until(lambda: theatre.count("lookups_total") > before + 10, 60, what="lookups of the replay")
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == INTERRUPTED
    report = json.loads(output)
    assert report["interrupted"]
    assert report["lookups"] >= 10
    assert report["failed"] == report["mixed"] == 0
    assert 0 < report["seconds"] < time.monotonic() - began
    assert 0 < report["max_gap_ms"] < report["seconds"] * 1000


def test_a_shadow_is_asked_and_nobody_notices(theatre: Theatre, rng: random.Random) -> None:
    old, shadow = theatre.champion, theatre.add()
    new = shadow.space
    theatre.move("shadow", new)
    traffic = Traffic(theatre.urls, USERS, 40.0, rng)
    try:
        traffic.more(60)
        until(lambda: theatre.count("shadow_pairs_total", space=new) >= 20, 60, what="lookups are mirrored")
        theatre.world.store.drop_collection(shadow.items_collection)
        theatre.world.store.drop_collection(shadow.users_collection)
        traffic.more(60)
        until(
            lambda: theatre.count("lookup_failures_total", space=new, role="shadow") >= 5,
            60,
            what="the shadow fails, and that is counted",
        )
        traffic.more(20)
    finally:
        traffic.stop()
    assert failed(traffic.answers) == []
    assert mixed(traffic.answers, theatre.truth) == []
    assert {a.body["space"] for a in traffic.answers if a.body} == {old}
    pairs = theatre.count("shadow_pairs_total", space=new)
    # other vectors, other films: the overlap of two random tens of 200 is small
    assert 0 <= theatre.count("shadow_overlap_sum", space=new) / pairs < 0.5
    assert theatre.count("lookup_failures_total", space=old) == 0
    assert theatre.count("lookups_total", space=old, role="champion") >= len(traffic.answers)

    # a gateway that hears nothing is named as lagging, and waited for no longer than told
    stopped = theatre.gateways[1].process
    stopped.send(signal.SIGSTOP)
    try:
        with Followers(theatre.settings) as followers:
            after = make(theatre.settings, plan(theatre.settings, "canary", new, 5.0), "ann", "")
            seen = followers.wait(after.revision, time.monotonic(), GATEWAY, 3.0)
        assert [key.split("@")[0] for key in seen.lagging] == ["gateway/1"]
    finally:
        stopped.send(signal.SIGCONT)
    theatre.move("abort", new)


QUICK = """
version = 7
[ready]
refused = 0.05
[verify]
alpha = 0.05
cosine = 0.9999
length_error = 1e-4
reduced_cosine = 0.999
reduced_length_error = 1e-2
latency_ratio = 1.5
runs = 10
[evaluate]
alpha = 0.05
fewest_users = 20
fewest_cold = 10
cold_user_likes = 3
ndcg_less = 0.2
recall_less = 0.2
cold_items_less = 0.5
cold_users_less = 0.5
overlap = 0.0
coverage_ratio = 0.1
diversity_less = 0.5
[shadow]
alpha = 0.05
errors = 0.05
empty = 0.05
unprofiled = 0.05
latency_ratio = 20.0
overlap = 0.0
[canary]
alpha = 0.05
errors_more = 0.05
empty_more = 0.05
popular_more = 0.05
likes_fewer = 0.1
late_more = 0.2
late_ms = 1000
latency_ratio = 5.0
[promote]
gates = ["canary"]
"""
"""Wide enough that a few hundred lookups decide."""


def test_gates_judge_by_lookups_and_act_by_themselves(
    theatre: Theatre, rng: random.Random, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings_env(theatre.settings).items():
        monkeypatch.setenv(name, value)
    limits = tmp_path / "gates.toml"
    limits.write_text(QUICK)

    def gate(name: str, space: str, code: int) -> dict[str, Any]:
        words = [name, space, "--auto", "--limits", str(limits), "--timeout", "150", "--json"]
        result = CliRunner().invoke(gates, words)
        assert result.exit_code == code, (result.output, result.exception)
        loaded: dict[str, Any] = json.loads(result.stdout)
        return loaded

    def failing(found: dict[str, Any]) -> list[str]:
        return [row["name"] for row in found["rows"] if row["verdict"] == "failed"]

    old = theatre.champion
    strange, worse, better = theatre.add(rows=False), theatre.add(), theatre.add()
    traffic = Traffic(theatre.urls, USERS, 100.0, rng)
    traffic.likes = {old: 0.6, strange.space: 0.6, worse.space: 0.1, better.space: 0.9}
    try:
        # nobody has a profile there, and no request fails because of it
        theatre.move("canary", strange.space, 50.0)
        found = gate("canary", strange.space, 14)
        assert failing(found) == ["more without profile"]
        assert (found["aborted"], found["dropped"], found["version"]) == (strange.space, True, 7)
        state = read_control(theatre.settings)
        assert state.route is not None
        assert state.route.canary is None
        assert state.spaces[strange.space].history[-1].reason == "gate canary failed: more without profile"
        # what it serves is liked less; nothing else is wrong with it
        theatre.move("shadow", worse.space)
        assert gate("shadow", worse.space, 0)["verdict"] == "passed"
        theatre.move("canary", worse.space, 50.0)
        assert failing(gate("canary", worse.space, 14)) == ["fewer liked"]
        theatre.move("canary", better.space, 50.0)
        assert gate("canary", better.space, 0)["promoted"] == better.space
        traffic.more(20)
    finally:
        traffic.stop()
    told = json.loads(CliRunner().invoke(kpi, ["--against", old, "--json"]).stdout)
    likes = {row["space"]: row for row in told["rates"] if row["kind"] == "like"}
    assert {old, strange.space, worse.space, better.space} <= set(likes)
    for space in (worse.space, better.space):
        assert likes[space]["low"] - 0.15 < traffic.likes[space] < likes[space]["high"] + 0.15
    gaps = {row["space"]: row for row in told["differences"] if row["kind"] == "like"}
    assert gaps[worse.space]["high"] < 0 < gaps[better.space]["low"]
    assert (told["unmatched_events"], told["unreadable"]) == (0, 0)
    assert failed(traffic.answers) == []
    assert theatre.champion == better.space
