"""Local stores are caches: deleted, old, torn, unfinished, of another topic, they are not believed."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from confluent_kafka import Message
from confluent_kafka.admin import AdminClient

from streaming.documents import decode_user
from streaming.exceptions import MarqueeError
from streaming.kafka.config import admin_options
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.kafka.offsets import end_offsets
from streaming.settings import Settings
from streaming.topics import TopicNames, fixed_topics
from streaming.topics.admin import delete, ensure
from tests.faults.dying import PLACES
from tests.integration.conftest import Spawn
from tests.integration.kafka.compaction import clean_at_once
from tests.integration.ledger.local import DyingLedger, state_of, stored_meta
from tests.integration.ledger.status import PARTITIONS, all_ready
from tests.integration.ledger.traffic import Traffic, folded, ranges, wait_folded
from tests.integration.ledger.verify import check, compacted
from tests.support import until

DAMAGES = ("deleted", "old", "torn")


def do_damage(path: Path, old: Path, damage: str) -> None:
    """To the store of one partition; ``old`` is an earlier copy."""
    if damage == "torn":
        data = bytearray(path.read_bytes())
        middle = len(data) // 2 // 4096 * 4096 + 2048
        data[middle : middle + 2048] = bytes(2048)
        path.write_bytes(data)
        return
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    if damage == "old":
        shutil.copy(old, path)


@pytest.mark.parametrize("damage", ["each", *(pytest.param(d, marks=pytest.mark.full) for d in DAMAGES)])
def test_a_damaged_local_store_is_never_believed(
    ensured: Settings, spawn: Spawn, rng: random.Random, damage: str
) -> None:
    ledger = spawn("ledger", ensured)
    traffic = Traffic(ensured, rng)
    traffic.burst(2_000)
    wait_folded(ensured)
    assert ledger.terminate() == 0
    state, copy = state_of(ensured), ensured.home / "copy"
    shutil.copytree(state, copy)
    ledger.restart()
    traffic.burst(2_000)
    wait_folded(ensured)
    assert ledger.terminate() == 0
    before = stored_meta(ensured)
    # each kind on a partition of its own, one is left whole; or the same on all of them
    damages = [*DAMAGES, ""] if damage == "each" else [damage] * PARTITIONS
    rng.shuffle(damages)
    for number, kind in enumerate(damages):
        name = f"users-{number}.sqlite"
        if kind:
            do_damage(state / name, copy / name, kind)
        if kind == "old":
            assert stored_meta(ensured)[number].mark < before[number].mark
    ledger.output.unlink()
    ledger.restart()
    traffic.burst(2_000)
    check(ensured)
    assert ledger.text().count("local store begun anew") == sum(
        kind in ("deleted", "torn") for kind in damages
    )


def test_kill_9_between_the_commit_and_the_local_write(
    ensured: Settings, spawn: Spawn, rng: random.Random
) -> None:
    admin = AdminClient(admin_options(ensured))
    users = [(TopicNames(ensured.namespace).users, number) for number in range(PARTITIONS)]
    ledger = spawn("ledger", ensured)
    until(lambda: all_ready(ensured, "0"), 30)
    with Traffic(ensured, rng):
        for place in rng.sample([p for p in PLACES if p != "in the transaction"], 3):
            assert ledger.terminate() == 0
            dying = DyingLedger(ensured, place)
            try:
                until(lambda: all_ready(ensured, "0"), 30)
                # what it writes first of all is empty stores
                begun = folded(ensured)
                until(lambda begun=begun: folded(ensured) > begun, 60)  # type: ignore[misc]
                in_hand = dying.die()
            finally:
                dying.close()
            # committed in Kafka, not in the local store
            committed = ranges(ensured)
            for number, offset in in_hand.items():
                assert (committed[number].committed or 0) >= offset
            assert bool(in_hand) == (place == "committed, not in memory")
            ends, stored = end_offsets(admin, users), stored_meta(ensured)
            marks = {place: stored[place[1]].mark if place[1] in stored else 0 for place in users}
            assert any(marks[place] < ends[place] - 1 for place in users), "nothing was unwritten"
            ledger.restart()
            until(lambda: all_ready(ensured, "0"), 30)
    check(ensured)


def test_the_store_of_a_topic_that_was_made_anew_is_not_believed(
    ensured: Settings, spawn: Spawn, rng: random.Random
) -> None:
    names = TopicNames(ensured.namespace)
    ledger = spawn("ledger", ensured)
    Traffic(ensured, rng).burst(1_500)
    wait_folded(ensured)
    assert ledger.terminate() == 0
    old = stored_meta(ensured)
    anew = {names.ratings, names.users, names.erased, names.popular, names.dlq(names.ratings)}
    delete(ensured, sorted(anew))
    admin = AdminClient(admin_options(ensured))
    until(lambda: not anew & admin.list_topics(timeout=5).topics.keys(), 20)
    until(lambda: _made(ensured), 30)
    # as many documents as before, written by another instance: offsets alone do not give the old store away
    other = spawn("ledger", ensured, instance="other")
    traffic = Traffic(ensured, rng)
    ends: dict[tuple[str, int], int] = {}
    while not ends or any(ends[names.users, number] < old[number].mark for number in old):
        traffic.burst(1_500)
        wait_folded(ensured)
        ends = end_offsets(admin, [(names.users, number) for number in old])
    assert other.terminate() == 0
    ledger.output.unlink()
    ledger.restart()
    until(lambda: all_ready(ensured, "0"), 30)
    traffic.burst(1_500)
    check(ensured)
    assert ledger.text().count("it is a copy of") == PARTITIONS


def _made(settings: Settings) -> bool:
    """Whether the topics could be made: names of deleted ones are free only a little later."""
    try:
        ensure(settings, fixed_topics(settings))
    except MarqueeError:
        return False
    return True


def places_of(settings: Settings, topic: str) -> dict[int, set[int]]:
    """Partition -> offsets of the records that can be read."""
    found = {number: set[int]() for number in range(PARTITIONS)}

    def take(message: Message) -> None:
        found[message.partition() or 0].add(message.offset() or 0)

    read_to_end(settings, {(topic, number): BEGINNING for number in found}, take, "test")
    return found


def test_a_rebuild_from_compacted_topics(settings: Settings, spawn: Spawn, rng: random.Random) -> None:
    topics = settings.topics.model_copy(update={"segment_ms": 1_000, "max_compaction_lag_ms": 1_000})
    quick = settings.model_copy(update={"topics": topics})
    ensure(quick, fixed_topics(quick))
    names = TopicNames(quick.namespace)
    clean_at_once(quick, names.users)
    ledger = spawn("ledger", quick)
    until(lambda: all_ready(quick, "0"), 30)
    with Traffic(quick, rng, users=60) as traffic:
        until(lambda: traffic.sent > 2_500, 30)
        before = until(lambda: b if all((b := places_of(quick, names.users)).values()) else None, 30)
        assert before is not None

        def compacted_away() -> bool:
            # what was read once is gone: a gap alone might be markers, or an aborted transaction
            now = places_of(quick, names.users)
            return all(len(before[number] - now[number]) > 5 for number in before)

        until(compacted_away, 90, what="documents are compacted in every partition", interval_s=0.5)
    wait_folded(quick)
    assert ledger.terminate() == 0
    shutil.rmtree(state_of(quick))
    known = compacted(quick, names.users)
    assert known
    assert compacted(quick, names.erased)
    ledger.restart()
    # late: older than everything that is known, erasures included
    late = Traffic(quick, rng, users=60, days_late=365)
    late.burst(2_000)
    check(quick)
    after = compacted(quick, names.users)
    for user in known.keys() & after.keys():
        assert _kept(known[user], after[user]), f"{user} lost what was known of them"


def _kept(before: bytes, after: bytes) -> bool:
    """Whether no rating of ``before`` was replaced by an older one."""
    newer = decode_user(after)
    return all(item in newer and newer[item][1] >= ms for item, (_, ms) in decode_user(before).items())
