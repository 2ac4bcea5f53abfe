"""Who owns a partition, as the heartbeats of ledgers tell."""

from __future__ import annotations

import pytest

from streaming.control.presence import STALE_S, Heartbeat, encode_heartbeat
from streaming.gateway.owners import LedgerOwners

NOW = 1_000_000


def beat(instance: str, *partitions: int, at_ms: int = NOW, role: str = "ledger") -> tuple[bytes, bytes]:
    made = Heartbeat(
        role=role,
        instance=instance,
        address=f"host-{instance}:1",
        host="h",
        pid=1,
        revision=1,
        started_ms=0,
        at_ms=at_ms,
        partitions=partitions,
    )
    return made.key.encode(), encode_heartbeat(made)


@pytest.fixture
def owners() -> LedgerOwners:
    return LedgerOwners(now_ms=lambda: NOW)


def test_the_ledger_that_says_it_owns_a_partition_does(owners: LedgerOwners) -> None:
    owners.put(*beat("0", 0, 2))
    owners.put(*beat("1", 1))
    assert [owners.address(p) for p in range(4)] == ["host-0:1", "host-1:1", "host-0:1", None]


def test_of_two_claims_the_newer_one_counts_whichever_came_last(owners: LedgerOwners) -> None:
    newer, older = beat("1", 0, at_ms=NOW), beat("0", 0, at_ms=NOW - 500)
    for order in ((newer, older), (older, newer)):
        owners.clear()
        for record in order:
            owners.put(*record)
        assert owners.address(0) == "host-1:1"


def test_a_handed_over_a_silent_and_an_ended_ledger_own_nothing(owners: LedgerOwners) -> None:
    owners.put(*beat("0", 0))
    owners.put(*beat("0"))
    assert owners.address(0) is None
    owners.put(*beat("0", 0, at_ms=NOW - int(STALE_S * 1000) - 1))
    assert owners.address(0) is None
    key, value = beat("0", 0)
    owners.put(key, value)
    assert owners.address(0) == "host-0:1"
    owners.put(key, None)
    assert owners.address(0) is None


def test_others_and_what_cannot_be_read_are_passed_over(owners: LedgerOwners) -> None:
    owners.put(*beat("0", 0, role="space:x"))
    owners.put(b"ledger/1@h", b"no heartbeat")
    owners.put(b"ledger/\xff@h", b"")
    assert owners.address(0) is None
    owners.put(*beat("0", 0))
    assert owners.address(0) == "host-0:1"
