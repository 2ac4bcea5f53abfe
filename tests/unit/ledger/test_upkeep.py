"""What a ledger does between batches, on real local stores; Kafka is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from hypothesis import given
from hypothesis import strategies as st

from streaming.documents import encode_user
from streaming.kafka.heartbeats import idle
from streaming.ledger.exceptions import StoreError
from streaming.ledger.fold import Changes, PartitionChanges
from streaming.ledger.lag import Lag
from streaming.ledger.owned import OwnedPartition, Phase
from streaming.ledger.store import SCHEMA, Identity
from streaming.ledger.upkeep import Upkeep
from streaming.settings import Settings

COUNT = 3
LIKED = encode_user({"m:1": (5.0, 1), "m:2": (3.0, 1)})


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[dict[int, OwnedPartition]]:
    """Three partitions, ready, a user of each in its local store and one not yet written."""
    made = {}
    for number in range(COUNT):
        identity = Identity(SCHEMA, "cluster", "users", "id", number, COUNT)
        partition = OwnedPartition(number, tmp_path / f"users-{number}.sqlite", identity, (4.0,))
        partition.open_store(1_000, 1_000)
        partition.load(f"stored-{number}", LIKED, 10)
        partition.flush(1_000)
        partition.load(f"pending-{number}", LIKED, 11)
        partition.phase = Phase.READY
        made[number] = partition
    yield made
    for partition in made.values():
        partition.close()


@pytest.fixture
def upkeep(bare_settings: Settings, owned: dict[int, OwnedPartition], tmp_path: Path) -> Upkeep:
    return Upkeep(
        bare_settings, owned, tmp_path, AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    )


def tear(partition: OwnedPartition) -> None:
    """The stored row no longer matches its checksum."""
    assert partition.store is not None
    partition.store._connection.execute("update users set document = x'00'")


def test_only_the_store_that_a_lookup_failed_in_is_rebuilt(
    upkeep: Upkeep, owned: dict[int, OwnedPartition]
) -> None:
    for number in (0, 1):
        tear(owned[number])
    with pytest.raises(StoreError):
        owned[1].lookup("stored-1")
    assert upkeep.rebuild_broken() == [1]
    assert (owned[1].mark, owned[1].pending, owned[1].lookup("stored-1")) == (0, {}, None)
    # the torn one that nobody has looked into is not known to be; the whole one keeps what it has
    assert owned[0].mark == owned[2].mark == 12
    assert owned[2].lookup("stored-2") == owned[2].lookup("pending-2") == LIKED
    assert upkeep.rebuild_broken() == []


def test_a_torn_store_is_found_when_likes_are_counted_anew(
    upkeep: Upkeep, owned: dict[int, OwnedPartition]
) -> None:
    tear(owned[2])
    assert upkeep.recount((3.0,)) == [2]
    # two users like two films each under the lower threshold; nothing is known of the torn one
    assert [sum(likes(owned[n]).values()) for n in range(COUNT)] == [4, 4, 0]


def likes(partition: OwnedPartition) -> dict[str, int]:
    """Film -> likes, under the only threshold."""
    (counts,) = partition.counts._counts.values()
    return {key.hex(): sum(weeks.values()) for key, weeks in counts.items()}


def test_counts_that_were_not_committed_are_published_again(
    upkeep: Upkeep, owned: dict[int, OwnedPartition]
) -> None:
    upkeep._popular_pace._interval_s = 0.0
    owned[2].phase = Phase.LOADING
    first = upkeep.counts(idle=True)
    assert sorted(first) == [0, 1]
    assert upkeep.counts(idle=True) == {}
    upkeep.give_back({**first, 9: first[0]})  # 9 was lost meanwhile
    assert upkeep.counts(idle=True) == first


def test_stores_are_written_where_there_is_something_and_somebody(
    upkeep: Upkeep, owned: dict[int, OwnedPartition]
) -> None:
    upkeep._store_pace._interval_s = 0.0
    owned[1].phase = Phase.STOPPED
    upkeep.write_stores(idle=True)
    assert [bool(partition.pending) for partition in owned.values()] == [False, True, False]
    assert [partition.store.mark for partition in owned.values() if partition.store] == [12, 11, 12]


def test_quiet_stores_are_kept_young(upkeep: Upkeep, owned: dict[int, OwnedPartition]) -> None:
    assert all(partition.flushed_ms == 1_000 for partition in owned.values())
    owned[0].phase = Phase.ASKING
    upkeep.refresh_stores()
    assert [partition.flushed_ms > 1_000 for partition in owned.values()] == [False, True, True]


PLACES = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 3))


@given(st.dictionaries(PLACES, st.integers(-1, 100)), st.sets(PLACES), st.integers(0, 100))
def test_idle_partitions_are_owned_not_empty_and_old(
    newest: dict[tuple[str, int], int], owned: set[tuple[str, int]], since_ms: int
) -> None:
    due = idle(newest, owned, since_ms)
    assert len(set(due)) == len(due)
    for place, ms in newest.items():
        assert (place in due) == (place in owned and ms != -1 and ms < since_ms)


class TestLag:
    """``since`` over the life of one partition."""

    def lag(self, appended_ms: int | None = None) -> Lag:
        made = Lag(1_000)
        if appended_ms is not None:
            made.saw(Changes({0: PartitionChanges(appended_ms=appended_ms)}))
        return made

    def test_nothing_waits(self) -> None:
        assert self.lag(50).since(0, False, 100) == 100

    def test_it_waits_since_the_newest_record_that_is_folded(self) -> None:
        assert self.lag(50).since(0, True, 100) == 50

    def test_it_waits_since_it_was_first_seen_to_where_nothing_is_folded_yet(self) -> None:
        lag = self.lag()
        assert lag.since(0, True, 100) == 100
        assert lag.since(0, True, 150) == 100

    def test_a_slow_fold_moves_on(self) -> None:
        lag = self.lag(50)
        lag.since(0, True, 100)
        lag.saw(Changes({0: PartitionChanges(appended_ms=70)}))
        assert lag.since(0, True, 200) == 70

    def test_a_gap_in_between_starts_anew(self) -> None:
        lag = self.lag()
        assert lag.since(0, True, 100) == 100
        assert lag.since(0, False, 110) == 110
        assert lag.since(0, True, 120) == 120

    def test_what_is_no_longer_owned_is_forgotten(self) -> None:
        lag = self.lag(50)
        lag.since(0, True, 100)
        lag.forget(0)
        assert lag.since(0, True, 120) == 120
        assert lag.of(0) == (0, 0.0)

    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.booleans()), max_size=20))
    def test_it_is_never_in_the_future_and_never_older_than_what_was_folded(
        self, steps: list[tuple[bool, int, bool]]
    ) -> None:
        lag, now_ms, newest = self.lag(), 1_000, None
        for waiting, passed, folded in steps:
            now_ms += passed
            if folded:
                newest = now_ms
                lag.saw(Changes({0: PartitionChanges(appended_ms=now_ms)}))
            since = lag.since(0, waiting, now_ms)
            assert since <= now_ms
            assert newest is None or since >= newest
            if not waiting:
                assert since == now_ms
