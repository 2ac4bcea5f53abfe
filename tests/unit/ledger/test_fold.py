"""The fold, sentence by sentence."""

from __future__ import annotations

import json

import msgspec
import pytest

from streaming.documents import HEARTBEAT_KEY
from streaming.ledger import fold as fold_module
from tests.unit.ledger.oracle import java_partition
from tests.unit.ledger.records import DLQ, KEY, PARTITIONS, TOPIC, Log, MemoryLedger, rating

EARLY, LATE = "2025-01-01T00:00:00Z", "2025-06-01T00:00:00Z"
EARLY_MS, LATE_MS = 1_735_689_600_000, 1_748_736_000_000


def folded(log: Log, **options: object) -> MemoryLedger:
    ledger = MemoryLedger(log, **options)  # type: ignore[arg-type]
    ledger.run()
    return ledger


def test_newest_event_time_wins_whatever_the_order() -> None:
    log = Log()
    log.rate("u", "a", 5, LATE)
    log.rate("u", "a", 1, EARLY)
    assert folded(log).documents() == {"u": {"a": (5.0, LATE_MS)}}


def test_ties_go_to_the_later_record() -> None:
    log = Log()
    log.rate("u", "a", 5, EARLY)
    log.rate("u", "a", 2.5, EARLY)
    assert folded(log).documents() == {"u": {"a": (2.5, EARLY_MS)}}


def test_times_are_floored_to_milliseconds_before_they_are_compared() -> None:
    log = Log()
    log.rate("u", "a", 5, "2025-01-01T00:00:00.000900Z")
    log.rate("u", "a", 1, "2025-01-01T00:00:00.000100Z")
    assert folded(log).documents() == {"u": {"a": (1.0, EARLY_MS)}}


def test_a_take_back_stays_as_null_and_keeps_older_ratings_out() -> None:
    log = Log()
    log.rate("u", "a", 5, EARLY)
    log.rate("u", "a", None, LATE)
    log.rate("u", "a", 4, EARLY)
    assert folded(log).documents() == {"u": {"a": (None, LATE_MS)}}


def test_a_value_may_replace_a_take_back_and_the_other_way_round_at_the_same_time() -> None:
    log = Log()
    log.rate("u", "a", None, EARLY)
    log.rate("u", "a", 4, EARLY)
    log.rate("u", "b", 4, EARLY)
    log.rate("u", "b", None, EARLY)
    assert folded(log).documents() == {"u": {"a": (4.0, EARLY_MS), "b": (None, EARLY_MS)}}


def test_a_duplicate_changes_nothing_and_writes_nothing() -> None:
    log = Log()
    log.rate("u", "a", 5)
    ledger = folded(log)
    log.rate("u", "a", 5)
    changes = ledger.batch([9] * PARTITIONS)
    assert changes.events == 1
    assert not any(part.documents for part in changes.partitions.values())


def test_erase_removes_everything_before_it_whatever_its_event_time() -> None:
    log = Log()
    log.rate("u", "a", 5, LATE)
    log.erase("u", EARLY)
    ledger = folded(log)
    assert ledger.documents() == {}


def test_erased_users_late_ratings_are_dropped_up_to_the_append_time_and_not_dead() -> None:
    log = Log()
    erase = log.erase("u", EARLY)
    log.rate("u", "a", 5, LATE)
    later = "2026-05-29T00:00:00Z"
    log.rate("u", "b", 5, later)
    ledger = folded(log)
    assert erase.at < 1_780_012_800_000
    assert ledger.documents() == {"u": {"b": (5.0, 1_780_012_800_000)}}
    assert ledger.dead == []


def test_an_erase_ahead_of_its_append_time_drops_up_to_its_event_time() -> None:
    log = Log(now_ms=EARLY_MS)
    log.erase("u", "2025-01-01T12:00:00Z")
    log.rate("u", "a", 5, "2025-01-01T12:00:00Z")
    log.rate("u", "b", 5, "2025-01-01T12:00:00.001Z")
    assert list(folded(log).documents()["u"]) == ["b"]


def test_an_erasure_survives_a_crash() -> None:
    log = Log()
    log.erase("u")
    ledger = folded(log)
    ledger.crash()
    log.rate("u", "a", 5, LATE)
    ledger.run()
    assert ledger.documents() == {}


def test_without_a_key_an_erase_is_dead() -> None:
    log = Log()
    log.rate("u", "a", 5)
    log.erase("u")
    ledger = folded(log, key=b"")
    assert "u" in ledger.documents()
    assert "no erasure key" in ledger.dead[0][2]


def test_a_misplaced_record_is_forwarded_with_its_headers_and_counts_there() -> None:
    log = Log()
    home = java_partition("u", PARTITIONS)
    wrong = (home + 1) % PARTITIONS
    log.append(rating("u", "a", 5), wrong, b"other", [("ce_id", b"7")])
    ledger = folded(log)
    copy = log.partitions[home][-1]
    assert copy.headers == (("ce_id", b"7"), ("marquee-from", f"{TOPIC}-{wrong}@0".encode()))
    assert list(ledger.documents()) == ["u"]
    assert ledger.users[wrong] == {}


def test_a_forwarded_record_that_is_still_misplaced_is_dead() -> None:
    log = Log()
    wrong = (java_partition("u", PARTITIONS) + 1) % PARTITIONS
    log.append(rating("u", "a", 5), wrong, b"u", [("marquee-from", b"x")])
    ledger = folded(log)
    assert ledger.documents() == {}
    assert ledger.dead[0][:2] == (wrong, 0)


def test_the_key_of_a_record_says_nothing() -> None:
    log = Log()
    log.append(rating("u", "a", 5), java_partition("u", PARTITIONS), b"\xff\xfe")
    assert list(folded(log).documents()) == ["u"]


def test_one_item_too_many_is_dead_and_known_items_still_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_module, "MAX_ITEMS", 3)
    log = Log()
    for item in "abc":
        log.rate("u", item, None if item == "a" else 4, EARLY)
    log.rate("u", "d", 4, LATE)
    log.rate("u", "a", 3, LATE)
    ledger = folded(log)
    assert ledger.documents()["u"]["a"] == (3.0, LATE_MS)
    assert len(ledger.dead) == 1
    assert "already has 3" in ledger.dead[0][2]


def test_heartbeats_are_skipped_and_other_empty_records_dead() -> None:
    log = Log()
    log.append(None, 0, HEARTBEAT_KEY)
    log.append(None, 0, b"u")
    ledger = folded(log)
    assert ledger.offsets[0] == 2
    assert [place[:2] for place in ledger.dead] == [(0, 1)]


def test_messagepack_by_content_type() -> None:
    log = Log()
    value = msgspec.msgpack.encode(json.loads(rating("u", "a", 5)))
    home = java_partition("u", PARTITIONS)
    log.append(value, home, b"u", [("content-type", b"application/msgpack")])
    log.append(value, home, b"u")
    ledger = folded(log)
    assert list(ledger.documents()) == ["u"]
    assert len(ledger.dead) == 1


HOSTILE = [
    b"",
    b"null",
    b"[]",
    b'{"user_id": "u"',
    b"\xff\xfe",
    b"[" * 100_000,
    rating("", "a", 5),
    rating("u" * 65, "a", 5),
    rating("u\x00", "a", 5),
    rating("u", "", 5),
    rating("u", "a" * 65, 5),
    rating("u", "\x1f", 5),
    rating("u", "a", 0),
    rating("u", "a", 5.01),
    rating("u", "a", "5"),
    rating("u", "a", True),
    b'{"user_id":"u","item_id":"a","value":NaN,"event_time":"2026-01-01T00:00:00Z"}',
    b'{"user_id":"u","item_id":"a","value":1e999,"event_time":"2026-01-01T00:00:00Z"}',
    b'{"user_id":"u","item_id":"a","event_time":"2026-01-01T00:00:00Z"}',
    rating("u", "a", 5, "1969-12-31T23:59:59.999Z"),
    rating("u", "a", 5, "2027-01-01T00:00:00Z"),
    rating("u", "a", 5, "2026-01-01T00:00:00"),
    rating("u", "a", 5, "0001-01-01T00:00:00+23:59"),
    rating("u", "a", 5, "9999-12-31T23:59:59-23:59"),
    rating("\ud800", "a", 5),
    b'{"user_id":"u","item_id":"\\ud800","value":5,"event_time":"2026-01-01T00:00:00Z"}',
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_records_are_dead_with_a_reason_and_reach_no_other(value: bytes) -> None:
    log = Log()
    home = java_partition("u", PARTITIONS)
    log.rate("u", "before", 5)
    log.append(value, home, b"k", [("h", b"1"), ("dlq-reason", b"of an earlier time")])
    log.rate("u", "after", 5)
    ledger = MemoryLedger(log)
    changes = ledger.batch([9] * PARTITIONS)
    (letter,) = changes.dead
    assert (letter.topic, letter.partition, letter.key, letter.value) == (DLQ, home, b"k", value)
    headers = dict(letter.headers)
    assert headers["h"] == b"1"
    assert (headers["dlq-topic"], headers["dlq-offset"]) == (TOPIC.encode(), b"1")
    assert headers["dlq-reason"]
    assert headers["dlq-reason"] != b"of an earlier time"
    ledger.commit(changes)
    assert set(ledger.documents()["u"]) == {"before", "after"}


def test_forgetting_a_batch_brings_the_committed_documents_and_cutoffs_back() -> None:
    log = Log()
    log.rate("u", "a", 5)
    ledger = folded(log)
    log.rate("u", "b", 5)
    log.erase("v")
    ledger.fold.forget(ledger.batch([9] * PARTITIONS))
    ledger.run()
    assert set(ledger.documents()["u"]) == {"a", "b"}
    assert len([cutoff for erased in ledger.erased for cutoff in erased]) == 1


def test_the_cache_keeps_recent_documents_and_loads_the_others_again() -> None:
    log = Log()
    for user in range(50):
        log.rate(str(user), "a", 5)
    ledger = folded(log)
    for _ in range(2):
        ledger.fold.trim(1)
        for user in range(50):
            log.rate(str(user), f"b{_}", 5)
        ledger.run()
    ledger.fold.trim(1)
    ledger.fold.trim(1)
    assert all(len(ratings) == 3 for ratings in ledger.documents().values())
    assert sum(len(s.young) + len(s.old) for s in ledger.fold.states.values()) <= 100


def test_like_counts_of_an_erased_user_are_taken_away() -> None:
    log = Log()
    log.rate("u", "a", 5)
    log.rate("u", "b", 3)
    ledger = folded(log)
    home = java_partition("u", PARTITIONS)
    assert sum(ledger.counts[home].value(4.0, b) is not None for b in range(256)) == 1
    log.erase("u")
    ledger.run()
    assert all(ledger.counts[home].value(4.0, b) is None for b in range(256))
    assert KEY
