"""The supervisor's rebuilds: asked for once an erasure is due, and once only."""

from __future__ import annotations

import time
from collections.abc import Sequence

from confluent_kafka import Producer

from deploy.generations import DAY_MS, SPARE_DAYS
from deploy.stack.erasures import OPERATOR, ErasureDeadlines
from streaming.control.documents import Change, Move, SpaceDocument
from streaming.control.reader import read_control
from streaming.control.state import ControlState
from streaming.control.writer import change_control
from streaming.kafka.config import producer_options
from streaming.ledger.erasure import Eraser
from streaming.settings import Settings
from streaming.topics import TopicNames

SPACES = ("old-1-mean-aaaaaa", "young-1-mean-bbbbbb")


def announce(settings: Settings, born_ms: Sequence[int]) -> None:
    def documents(_: ControlState, change: Change) -> list[SpaceDocument]:
        return [
            SpaceDocument(
                space=name,
                package="p",
                version="1",
                dim=4,
                state="ready",
                history=(Move("created", born),),
                change=change,
            )
            for name, born in zip(SPACES, born_ms, strict=True)
        ]

    change_control(settings, "ann", "test", documents)


def erase(settings: Settings, user: str, at_ms: int) -> None:
    eraser = Eraser(settings)
    producer = Producer(producer_options(settings, "test"))
    topic = TopicNames(settings.namespace).erased
    producer.produce(topic, eraser.encode(at_ms), eraser.hash_of(user), partition=3)
    assert producer.flush(20) == 0


def generations(settings: Settings) -> list[int]:
    spaces = read_control(settings).spaces
    return [spaces[name].generation for name in SPACES]


def test_a_space_whose_files_may_hold_an_erased_user_is_rebuilt_once(ensured: Settings) -> None:
    now = int(time.time() * 1000)
    announce(ensured, [now - 30 * DAY_MS, now])
    deadlines = ErasureDeadlines(ensured, dict)
    erase(ensured, "ml:1", now - int((ensured.erasure.deadline_days - SPARE_DAYS - 0.5) * DAY_MS))
    deadlines.look(read_control(ensured).live)
    assert generations(ensured) == [1, 1], "rebuilt before it was due"
    erase(ensured, "ml:2", now - int((ensured.erasure.deadline_days - SPARE_DAYS + 0.5) * DAY_MS))
    for _ in range(2):
        deadlines.look(read_control(ensured).live)
        assert generations(ensured) == [2, 1]
    assert read_control(ensured).spaces[SPACES[0]].change.operator == OPERATOR
