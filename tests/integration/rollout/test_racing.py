"""Two operators, fifty rounds, compaction, a new reader: nothing lost, nobody misled (rule 10)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Message
from confluent_kafka.admin import (  # type: ignore[attr-defined, unused-ignore]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from deploy.rollout.moves import documents
from deploy.stack.kafka import KafkaBroker
from deploy.stack.ports import free_ports
from streaming.control.documents import Change, RouteDocument, SpaceDocument
from streaming.control.reader import read_control
from streaming.control.state import ControlState
from streaming.control.writer import change_control
from streaming.exceptions import ConflictError
from streaming.kafka.config import admin_options
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.settings import Settings
from streaming.topics import TopicNames
from tests.integration.services import running
from tests.support import until

SOON = {"segment.ms": "500", "min.cleanable.dirty.ratio": "0.001", "max.compaction.lag.ms": "500"}


@pytest.fixture
def kafka(stack_dir: Path) -> Iterator[KafkaBroker]:
    """A broker whose cleaner has nothing else to do: the run's has thousands of logs to choose from."""
    broker = KafkaBroker(
        stack_dir / "kafka-racing",
        *free_ports(2),
        options={"log.cleaner.backoff.ms": "500"},
        stack_id=str(stack_dir),
    )
    with running(broker):
        yield broker


def configure(settings: Settings, values: dict[str, str]) -> None:
    entries = [ConfigEntry(n, v, incremental_operation=AlterConfigOpType.SET) for n, v in values.items()]
    name = TopicNames(settings.namespace).control
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
    admin = AdminClient(admin_options(settings))
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(20)


def records(settings: Settings) -> list[Message]:
    found: list[Message] = []
    read_to_end(settings, {(TopicNames(settings.namespace).control, 0): BEGINNING}, found.append)
    return [message for message in found if message.value() is not None]


@pytest.mark.parametrize("rounds", [10, pytest.param(50, marks=pytest.mark.full)])
def test_every_winner_is_seen_and_every_loser_is_told(ensured: Settings, rounds: int) -> None:
    def begin(_: ControlState, change: Change) -> Sequence[SpaceDocument | RouteDocument]:
        spaces = [
            SpaceDocument(space=s, package="p", version="1", dim=4, state=state, change=change)  # type: ignore[arg-type]
            for s, state in (("a", "champion"), ("b", "standby"))
        ]
        return [*spaces, RouteDocument(route_id="r", champion="a", change=change)]

    change_control(ensured, "begin", "", begin)
    won: dict[int, str] = {}
    told: list[str] = []
    starts = threading.Barrier(2)

    def operator(name: str) -> None:
        for number in range(rounds):
            starts.wait(60)
            seen = read_control(ensured)
            assert seen.route is not None
            space = "b" if seen.route.champion == "a" else "a"
            starts.wait(60)
            try:
                after = change_control(
                    ensured,
                    name,
                    f"round {number}",
                    lambda s, c, space=space: documents(s, c, "rollback", space),  # type: ignore[misc]
                    expect_revision=seen.revision,
                )
            except ConflictError:
                told.append(f"{name} {number}")
                continue
            assert after.revision not in won
            won[after.revision] = f"{name} round {number}"

    threads = [threading.Thread(target=operator, args=(name,)) for name in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert len(won) + len(told) == 2 * rounds
    assert told, "they did race"
    assert sorted(won) == list(range(2, len(won) + 2)), "revisions without a gap: no winner was overwritten"
    before = read_control(ensured)
    both = [move for space in ("a", "b") for move in before.spaces[space].history]
    assert {m.revision: f"{m.operator} {m.reason}" for m in both} == won, "and each is in the history"

    written = len(records(ensured))
    configure(ensured, SOON)

    def compacted() -> bool:
        # a segment is compacted once it is rolled, and it rolls when something is appended
        change_control(ensured, "carl", "roll", lambda s, c: documents(s, c, "rollback", _other(s)))
        return len(records(ensured)) < written // 4

    until(compacted, 180, what="control.v1 is compacted", interval_s=0.6)
    fresh = read_control(ensured)
    after = [m for space in ("a", "b") for m in fresh.spaces[space].history if m.operator != "carl"]
    assert {m.revision: f"{m.operator} {m.reason}" for m in after} == won
    assert fresh.route is not None
    assert fresh.spaces[fresh.route.champion].state == "champion"


def _other(state: ControlState) -> str:
    return next(name for name, space in state.spaces.items() if space.state == "standby")
