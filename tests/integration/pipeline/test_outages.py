"""Each part of the pipeline goes away while ratings and films arrive, and comes back (rules 1, 2, 4, 6)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from tests.integration.pipeline.traffic import PER_S, PipelineTraffic
from tests.integration.pipeline.world import Pipeline
from tests.support import until

pytestmark = pytest.mark.timeout(300)
AWAY_S = 30.0
ROWS_WAIT = "Milvus does not take rows; they wait"

Fault = Callable[[Pipeline, PipelineTraffic, random.Random], None]


def say(what: str) -> None:
    """Which fault hits, and when."""
    print(f"\n{time.strftime('%H:%M:%S')} {what}", flush=True)


def kill_milvus(pipeline: Pipeline, traffic: PipelineTraffic, rng: random.Random) -> None:
    """With a write in flight, which the worker sees fail."""
    told = len(pipeline.worker.text())
    pipeline.milvus.kill9()
    say("kill -9 of Milvus")
    until(lambda: ROWS_WAIT in pipeline.worker.text()[told:], 30, what="a write has failed")
    pipeline.milvus.start()
    pipeline.milvus.wait_healthy()


def pause_milvus(pipeline: Pipeline, away_s: float) -> None:
    """It takes connections and answers nothing."""
    told = len(pipeline.worker.text())
    pipeline.milvus.pause()
    say(f"Milvus stopped for {away_s:g} s")
    try:
        time.sleep(away_s)
        assert ROWS_WAIT in pipeline.worker.text()[told:], "no write was under way"
    finally:
        pipeline.milvus.resume()
    pipeline.milvus.wait_healthy()


def kill_kafka(pipeline: Pipeline, traffic: PipelineTraffic, rng: random.Random) -> None:
    """Ratings wait in the producer meanwhile."""
    pipeline.kafka.kill9()
    say("kill -9 of Kafka")
    time.sleep(0.5)
    sent, produced = traffic.sent, traffic.produced
    time.sleep(rng.uniform(1, 3))
    assert traffic.sent == sent, "somebody acknowledged for a dead broker"
    assert traffic.produced > produced + PER_S / 2
    pipeline.kafka.start()
    pipeline.kafka.wait_healthy()


def kill_worker(pipeline: Pipeline, traffic: PipelineTraffic, rng: random.Random) -> None:
    """Rows stand still while documents go on."""
    with pipeline.without(pipeline.worker):
        say("kill -9 of the space worker")
        before = pipeline.settled_revision()
        traffic.goes_on(int(PER_S * rng.uniform(0.5, 3)))
        assert pipeline.newest_revision() == before, "somebody else writes rows"


def kill_ledger(pipeline: Pipeline, traffic: PipelineTraffic, rng: random.Random) -> None:
    """With records not yet folded."""
    with pipeline.without(pipeline.ledger):
        say("kill -9 of the ledger")
        traffic.goes_on(100)
        assert pipeline.unfolded(), "nothing was left to fold"
        time.sleep(rng.uniform(0, 2))


FAULTS: dict[str, Fault] = {
    "milvus": kill_milvus,
    "kafka": kill_kafka,
    "worker": kill_worker,
    "ledger": kill_ledger,
}


@pytest.mark.parametrize("turn", [0, *(pytest.param(turn, marks=pytest.mark.full) for turn in (1, 2, 3))])
def test_all_parts_are_killed_one_after_another_and_come_back(
    pipeline: Pipeline, rng: random.Random, turn: int
) -> None:
    """In an order drawn by the seed, the next often before the last is over."""
    with pipeline.traffic(rng) as traffic:
        for part in rng.sample(list(FAULTS), len(FAULTS)):
            traffic.goes_on()
            pipeline.rows_follow()
            time.sleep(rng.uniform(0, 2))
            FAULTS[part](pipeline, traffic, rng)
        pipeline.rows_follow()
        traffic.goes_on()
    pipeline.becomes_exact(traffic)


@pytest.mark.full
@pytest.mark.parametrize("part", FAULTS)
def test_one_part_is_killed_and_comes_back(pipeline: Pipeline, rng: random.Random, part: str) -> None:
    with pipeline.traffic(rng) as traffic:
        traffic.goes_on()
        time.sleep(rng.uniform(0.1, 2))
        FAULTS[part](pipeline, traffic, rng)
        pipeline.rows_follow()
        traffic.goes_on()
    pipeline.becomes_exact(traffic)


def test_milvus_does_not_answer_for_half_a_minute(pipeline: Pipeline, rng: random.Random) -> None:
    with pipeline.traffic(rng) as traffic:
        traffic.goes_on()
        pause_milvus(pipeline, AWAY_S)
        assert pipeline.worker.running
        pipeline.rows_follow()
        traffic.goes_on()
    pipeline.becomes_exact(traffic)
