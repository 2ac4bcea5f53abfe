"""Reading a whole namespace back and comparing it with what it should be."""

from __future__ import annotations

import time

import msgspec
from confluent_kafka import Message

from streaming.documents import decode_counts, decode_user, parse_popular_key
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.settings import Settings
from streaming.topics import TopicNames
from tests.integration.ledger.traffic import wait_folded
from tests.unit.ledger.oracle import Expected, LogRecord, expect

COUNTS_S = 8.0
"""Like counts follow the documents by an interval, or by a take-over."""


def check(settings: Settings) -> None:
    """Everything on the log is folded, and nothing differs from what the log says.

    Raises:
        AssertionError: naming what differs.
    """
    wait_folded(settings)
    deadline = time.monotonic() + COUNTS_S
    while found := differences(settings):
        assert time.monotonic() < deadline, f"{len(found)} differences: {found[:5]}"
        time.sleep(0.3)


def log_records(settings: Settings) -> list[LogRecord]:
    """Everything committed on ``ratings.v1``."""
    records: list[LogRecord] = []

    def take(message: Message) -> None:
        records.append(
            LogRecord(
                message.partition() or 0,
                message.offset() or 0,
                message.key(),
                message.value(),
                tuple(message.headers() or ()),
                message.timestamp()[1],
            )
        )

    _read(settings, TopicNames(settings.namespace).ratings, take)
    return records


def dead_letters(settings: Settings) -> list[dict[str, str]]:
    """The ``dlq-`` headers of each dead letter of ratings."""
    found: list[dict[str, str]] = []
    names = TopicNames(settings.namespace)
    _read(
        settings,
        names.dlq(names.ratings),
        lambda m: found.append(
            {k: v.decode() for k, v in m.headers() or () if k.startswith("dlq-") and v is not None}
        ),
    )
    return found


def differences(settings: Settings) -> list[str]:
    """Every way in which users, erasures, dead letters and like counts are not what the log says."""
    erasure_key = settings.erasure.key.get_secret_value().encode()
    expected = expect(log_records(settings), settings.topics.ratings_partitions, erasure_key)
    names = TopicNames(settings.namespace)
    users, erased, popular = (
        compacted(settings, topic) for topic in (names.users, names.erased, names.popular)
    )
    found = _differ("user", expected.users, {u: decode_user(v) for u, v in users.items()})
    cutoffs = {key: msgspec.msgpack.decode(value)[2] for key, value in erased.items()}
    found += _differ("erasure", expected.erased, cutoffs)
    dead = sorted((int(d["dlq-partition"]), int(d["dlq-offset"])) for d in dead_letters(settings))
    if dead != sorted(expected.dead):
        found.append(f"dead letters {dead}, expected {sorted(expected.dead)}")
    return found + _count_differences(expected, popular)


def _count_differences(expected: Expected, popular: dict[str, bytes]) -> list[str]:
    counts: dict[float, dict[tuple[str, int], int]] = {4.0: {}}
    for key, value in popular.items():
        threshold = parse_popular_key(key)[0]
        totals = counts.setdefault(threshold, {})
        for item, weeks in decode_counts(value).items():
            for week, likes in weeks:
                totals[item, week] = totals.get((item, week), 0) + likes
    return [line for t, totals in counts.items() for line in _differ(f"likes {t}", expected.likes(t), totals)]


def _differ(what: str, want: object, got: object) -> list[str]:
    assert isinstance(want, dict)
    assert isinstance(got, dict)
    return [
        f"{what} {key}: {got.get(key)} instead of {want.get(key)}"
        for key in want.keys() | got.keys()
        if want.get(key) != got.get(key)
    ]


def compacted(settings: Settings, topic: str) -> dict[str, bytes]:
    """Key -> newest value of a compacted topic, without tombstones."""
    state: dict[str, bytes] = {}

    def take(message: Message) -> None:
        key = (message.key() or b"").decode()
        value = message.value()
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value

    _read(settings, topic, take)
    return state


def _read(settings: Settings, topic: str, take: object) -> None:
    places = {(topic, number): BEGINNING for number in range(settings.topics.ratings_partitions)}
    read_to_end(settings, places, take, "verify")  # type: ignore[arg-type]
