"""Replayed traffic: who comes when, and whether an answer is of the space that it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from deploy.checks.expected import expected_row
from deploy.rollout.replay.judge import explains
from deploy.rollout.replay.pacing import paced
from deploy.rollout.replay.player import Replayed
from deploy.rollout.replay.script import Visit, from_ratings, load_script
from streaming.control.documents import MEAN, WEIGHTED, Change, SpaceDocument
from streaming.documents import Ratings as Documented
from streaming.exceptions import ConfigurationError
from trainer.data import Ratings


def ratings() -> Ratings:
    """Two people, one after the other, as in MovieLens."""
    users = ["a"] * 40 + ["b"] * 10
    items = [f"i{n}" for n in range(50)]
    values = [4.0 if n % 2 else 2.0 for n in range(50)]
    times = [*range(0, 40_000, 1_000), *range(900_000_000, 900_010_000, 1_000)]
    objects = (np.array(users, dtype=object), np.array(items, dtype=object))
    return Ratings(*objects, np.array(values), np.array(times))


def test_everybody_is_about_at_the_same_time_each_in_his_own_order() -> None:
    script = from_ratings(ratings(), seed=3)
    assert len(script.visits) == 50
    for user in "ab":
        mine = [int(visit.item_id[1:]) for visit in script.visits if visit.user_id == user]
        assert mine == sorted(mine)
    places = [n for n, visit in enumerate(script.visits) if visit.user_id == "b"]
    assert places[0] < 15, "b does not wait until a is done"
    assert places[-1] > 35
    assert script.likes["b"] == {f"i{n}" for n in range(40, 50) if n % 2}
    assert script == from_ratings(ratings(), seed=3)


def test_a_script_is_stretched_to_rate_and_duration_and_begins_anew() -> None:
    script = from_ratings(ratings())
    visits = script.timed(rate=10.0, seconds=12.0, skip=7, prefix="p:")
    assert len(visits) == 120
    at = [visit.at for visit in visits]
    assert at == sorted(at)
    assert at[-1] == pytest.approx(12.0)
    assert visits[0].item_id == script.visits[7].item_id
    assert visits[43].item_id == script.visits[0].item_id
    assert {visit.user_id for visit in visits} == {"p:a", "p:b"}
    gaps = np.diff(at)
    assert gaps.max() > 2 * np.median(gaps), "the rhythm is that of the data"


@dataclass
class FakeTime:
    """A clock that only waiting moves, and what a visit takes."""

    now: float = 100.0
    stop_at: float = float("inf")

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.now >= self.stop_at


def test_few_visits_a_second_come_one_by_one() -> None:
    time = FakeTime()
    visits = from_ratings(ratings()).timed(rate=0.5, seconds=20.0, even=True)
    came = [time() - 100.0 for _ in paced(visits, time(), time, time.wait)]
    assert came == pytest.approx([0, 2, 4, 6, 8, 10, 12, 14, 16, 18])


def test_what_a_visit_takes_does_not_move_those_after_it_and_late_ones_come_at_once() -> None:
    time, came = FakeTime(), []
    visits = [Visit(at=float(n), user_id="u") for n in range(7)]
    for visit in paced(visits, time(), time, time.wait):
        came.append(time() - 100.0)
        time.now += 0.4 if visit.at != 2.0 else 2.5
    assert came == pytest.approx([0, 1, 2, 4.5, 4.9, 5.3, 6])


def test_nobody_comes_after_the_end_was_asked_for() -> None:
    time = FakeTime(stop_at=103.5)
    visits = [Visit(at=float(n), user_id=f"u{n}") for n in range(9)]
    came = [visit.user_id for visit in paced(visits, time(), time, time.wait)]
    assert came == ["u0", "u1", "u2", "u3"]


def test_a_recording_is_read_and_a_wrong_line_named(tmp_path: Path) -> None:
    file = tmp_path / "recorded.jsonl"
    visits = [
        Visit(at=1.0, user_id="b"),
        Visit(at=0.5, user_id="a", item_id="i1", value=4.5),
    ]
    file.write_bytes(b"\n".join(map(msgspec.json.encode, visits)) + b"\n\n")
    script = load_script(str(file))
    assert [visit.user_id for visit in script.visits] == ["a", "b"]
    assert script.likes == {"a": {"i1"}}
    file.write_text('{"at": 1, "user_id": "a"}\n{"at": "soon"}\n')
    with pytest.raises(ConfigurationError, match="line 2"):
        load_script(str(file))
    file.write_text("\n")
    with pytest.raises(ConfigurationError, match="no visit"):
        load_script(str(file))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_script(str(tmp_path / "absent.jsonl"))


def test_a_mixed_answer_is_seen() -> None:
    draw = np.random.default_rng(2)
    spaces = [
        SpaceDocument(
            space=name,
            package="p",
            version="1",
            dim=6,
            policy=policy,
            change=Change(revision=1, nonce="", operator="", reason="", at_ms=0),
        )
        for name, policy in (("one", MEAN), ("other", WEIGHTED))
    ]
    vectors = [{f"i{n}": draw.normal(size=6) for n in range(9)} for _ in spaces]
    document: Documented = {"i0": (5.0, 1), "i1": (4.0, 2), "i2": (1.0, 3)}

    def answer(profile: int, films: int) -> dict[str, object]:
        mine = expected_row(document, vectors[profile], 6, spaces[profile].policy).vector
        items = [
            {"item_id": f"i{n}", "score": float(np.float32(mine @ vectors[films][f"i{n}"]))} for n in (4, 5)
        ]
        return {"items": items}

    for own in (0, 1):
        other = 1 - own
        assert explains(answer(own, own), document, vectors[own], spaces[own])
        assert not explains(answer(other, other), document, vectors[own], spaces[own]), "another space's"
        assert not explains(answer(own, other), document, vectors[own], spaces[own]), "films of another"
        assert not explains(answer(other, own), document, vectors[own], spaces[own]), "a profile of another"
    unknown = {"items": [{"item_id": "nobody's", "score": 0.0}]}
    assert not explains(unknown, document, vectors[0], spaces[0])


def test_the_longest_gap_counts_from_beginning_to_end() -> None:
    found = Replayed([(1.0, 5.0, "s"), (1.5, 7.0, "s"), (3.0, 6.0, "t")], began=0.8, ended=3.1)
    assert found.longest_gap_ms() == pytest.approx(1_500)
    assert found.longest_gap_ms(1.2, 1.6) == pytest.approx(300)
    summary = found.summary()
    assert (summary["lookups"], summary["by_space"], found.clean) == (3, {"s": 2, "t": 1}, True)
    found.failed = 1
    assert not found.clean
