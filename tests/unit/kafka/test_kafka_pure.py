"""Starts, dead letters and client ids: the parts that need no broker."""

from __future__ import annotations

import pytest

from streaming.kafka.assignments import decide
from streaming.kafka.dlq import dead_letter
from streaming.kafka.offsets import SourceRange
from streaming.kafka.owners import Owner, client_id, parse_client_id

PLACE = ("t", 1)


@pytest.mark.parametrize(
    ("found", "start"),
    [
        (SourceRange(None, 0, 10), 0),
        (SourceRange(None, 7, 10), 7),
        (SourceRange(5, 0, 10), 5),
        (SourceRange(5, 5, 5), 5),
    ],
)
def test_a_partition_begins_at_its_committed_offset_or_at_the_beginning(
    found: SourceRange, start: int
) -> None:
    starts = decide({PLACE: found}, accept_loss=False)
    assert [(p.topic, p.partition, p.offset) for p in starts.begin] == [("t", 1, start)]
    assert starts.stopped == {}


@pytest.mark.parametrize("found", [SourceRange(5, 6, 10), SourceRange(11, 0, 10)])
def test_out_of_range_stops_a_partition_until_the_loss_is_accepted(found: SourceRange) -> None:
    starts = decide({PLACE: found}, accept_loss=False)
    assert starts.begin == []
    assert "--accept-loss" in starts.stopped[PLACE]
    accepted = decide({PLACE: found}, accept_loss=True)
    assert [p.offset for p in accepted.begin] == [found.begin]


def test_a_dead_letter_keeps_the_record_and_says_why_it_is_dead() -> None:
    letter = dead_letter(
        "t.dlq.v1", ("t", 3, 42), b"k", b"v", [("ce_id", b"1"), ("dlq-offset", b"9")], "x" * 900, 1_000
    )
    assert (letter.topic, letter.partition, letter.key, letter.value) == ("t.dlq.v1", 3, b"k", b"v")
    headers = dict(letter.headers)
    assert len(headers) == len(letter.headers) == 6
    assert headers == {
        "ce_id": b"1",
        "dlq-topic": b"t",
        "dlq-partition": b"3",
        "dlq-offset": b"42",
        "dlq-reason": b"x" * 500,
        "dlq-time": b"1000",
    }


def test_a_client_id_carries_role_address_and_instance() -> None:
    name = client_id("ledger", "10.0.0.1:8123", "a#1")
    assert parse_client_id(name) == Owner("ledger", "10.0.0.1:8123", "a#1")


@pytest.mark.parametrize("name", ["rdkafka", "marquee-reader", "marquee-ledger@host#0", "marquee-ledger@:#0"])
def test_other_clients_are_nobody(name: str) -> None:
    assert parse_client_id(name) is None
