"""Topics on a real broker: created, verified, and every difference named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient, NewPartitions

from deploy.cli.main import root
from deploy.stack.kafka import KafkaBroker
from streaming.settings import Settings
from streaming.topics import TopicNames, fixed_topics, space_topics
from streaming.topics.admin import check, delete, ensure, require
from streaming.topics.exceptions import TopicDifferenceError
from tests.support import settings_env, until


def test_ensure_makes_what_check_wants(settings: Settings) -> None:
    topics = [*fixed_topics(settings), *space_topics(settings, "s-1")]
    assert {d.what for d in check(settings, topics)} == {"missing"}
    with pytest.raises(TopicDifferenceError, match=r"ratings\.v1: missing"):
        require(settings, topics)
    assert len(ensure(settings, topics)) == len(topics)
    assert check(settings, topics) == []
    require(settings, topics)
    assert ensure(settings, topics) == [], "a second ensure has nothing to do"


def test_a_changed_configuration_is_named_and_mended(ensured: Settings) -> None:
    topics = fixed_topics(ensured)
    other = [replace(t, config=t.config | {"segment.ms": "123456"}) for t in topics[:1]]
    ensure(ensured, other)
    (difference,) = check(ensured, topics)
    assert str(difference) == (f"{topics[0].name}: segment.ms is 123456, must be {ensured.topics.segment_ms}")
    ensure(ensured, topics)
    assert check(ensured, topics) == []


def test_partition_counts_are_named_and_never_changed(ensured: Settings, kafka: KafkaBroker) -> None:
    items = TopicNames(ensured.namespace).items
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_partitions([NewPartitions(items, 7)])[items].result(10)
    until(lambda: check(ensured, fixed_topics(ensured)), what="the seventh partition is visible")
    for call in (require, ensure):
        with pytest.raises(TopicDifferenceError, match=rf"{items}: partitions is 7, must be 6"):
            call(ensured, fixed_topics(ensured))


def test_delete_is_idempotent(ensured: Settings) -> None:
    gone = TopicNames(ensured.namespace).served
    delete(ensured, [gone])
    delete(ensured, [gone])
    assert [d.topic for d in check(ensured, fixed_topics(ensured))] == [gone]


def test_the_command_checks_ensures_and_exits_as_it_says(settings: Settings) -> None:
    run, env = CliRunner(), settings_env(settings)
    before = run.invoke(root, ["topics", "check", "--json"], env=env)
    assert before.exit_code == 1
    assert {d["what"] for d in json.loads(before.output)["differences"]} == {"missing"}
    assert run.invoke(root, ["topics", "ensure"], env=env).exit_code == 0
    after = run.invoke(root, ["topics", "check", "--json"], env=env)
    assert (after.exit_code, json.loads(after.output)) == (0, {"differences": []})
