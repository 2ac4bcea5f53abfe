"""Rule 1 on a real broker: whatever happens to ledgers, ``users.v1`` is the fold of the log."""

from __future__ import annotations

import random
import time

import pytest

from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.settings import Settings
from tests.integration.conftest import Spawn
from tests.integration.ledger.status import all_ready
from tests.integration.ledger.traffic import Traffic, behind, folded
from tests.integration.ledger.verify import check, dead_letters, log_records
from tests.support import until


def test_a_mixed_log_is_folded_exactly(ensured: Settings, spawn: Spawn, rng: random.Random) -> None:
    traffic = Traffic(ensured, rng)
    traffic.burst(5_000)
    spawn("ledger", ensured)
    with traffic:
        time.sleep(2)
    check(ensured)
    assert traffic.sent >= 5_500
    reasons = {letter["dlq-reason"].split(":")[0] for letter in dead_letters(ensured)}
    assert reasons == {"cannot be decoded"}
    assert any(dict(record.headers).get("marquee-from") for record in log_records(ensured))


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=[pytest.mark.full, pytest.mark.timeout(600)])])
def test_kill_9_at_random_moments(ensured: Settings, spawn: Spawn, rng: random.Random, kills: int) -> None:
    ledger = spawn("ledger", ensured)
    hits = 0
    with Traffic(ensured, rng):
        for number in range(kills):
            begun = folded(ensured)
            until(lambda: "partition taken over" in ledger.text(), 30)
            if number % 4 != 3:
                # the others come while it still takes over, or in its first batch
                until(lambda begun=begun: folded(ensured) > begun, 60, what="it is at work")  # type: ignore[misc]
            time.sleep(rng.uniform(0.05, 1.5))
            hits += waits_or_open(ensured)
            ledger.kill9()
            ledger.output.unlink()
            ledger.restart()
    assert hits, "no kill hit a ledger at work"
    check(ensured)


def waits_or_open(settings: Settings) -> bool:
    """Whether records wait or a transaction is open just now."""
    try:
        return behind(settings) > 0
    except KafkaUnavailableError:
        return True


def test_instances_join_and_leave(ensured: Settings, spawn: Spawn, rng: random.Random) -> None:
    first = spawn("ledger", ensured, instance="a")
    until(lambda: all_ready(ensured, "a"), 30)
    with Traffic(ensured, rng):
        for turn in range(8):
            second = spawn("ledger", ensured, instance="b")
            until(lambda: all_ready(ensured, "a", "b"), 30)
            time.sleep(rng.random())
            if turn == 0:
                second.kill9()
            else:
                assert second.terminate(4) == 0
            if turn >= 1 and "transaction aborted" in first.text():
                break
        assert first.running
    assert "transaction aborted" in first.text(), "no rebalance met a batch"
    check(ensured)


def test_sigterm_hands_over_within_three_seconds(ensured: Settings, spawn: Spawn, rng: random.Random) -> None:
    first = spawn("ledger", ensured, instance="a")
    spawn("ledger", ensured, instance="b")
    until(lambda: all_ready(ensured, "a", "b"), 30)
    with Traffic(ensured, rng):
        time.sleep(2)
        began = time.monotonic()
        assert first.terminate() == 0
        until(lambda: all_ready(ensured, "b"), 10, interval_s=0.02)
        took = time.monotonic() - began
    assert took <= 3, took
    check(ensured)
