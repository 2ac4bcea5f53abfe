"""Creating Marquee's topics and verifying them against the table (DESIGN section 3).

Partition counts are fixed for life: a difference there is never repaired, only named. Configuration that
differs is brought in line by :func:`ensure`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined, unused-ignore]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from streaming.exceptions import UnavailableError
from streaming.kafka.answers import answered
from streaming.kafka.config import admin_options
from streaming.settings import Settings
from streaming.topics.exceptions import TopicDifferenceError
from streaming.topics.table import Topic

TIMEOUT_S = 15.0
VISIBLE_S = 60.0
"""How long a created topic may take until the broker's metadata shows it."""

MISSING = "missing"
PARTITIONS = "partitions"


@dataclass(frozen=True)
class Difference:
    """One way in which one topic is not what it must be."""

    topic: str
    what: str
    """``missing``, ``partitions`` or the name of a configuration."""
    want: str
    got: str

    def __str__(self) -> str:
        if self.what == MISSING:
            return f"{self.topic}: missing"
        return f"{self.topic}: {self.what} is {self.got}, must be {self.want}"


def ensure(settings: Settings, topics: Sequence[Topic]) -> list[str]:
    """Create what is missing, bring configurations in line; returns a line for each thing done.

    Raises:
        TopicDifferenceError: partition counts differ (they cannot be changed).
        UnavailableError: Kafka does not answer.
    """
    admin = AdminClient(admin_options(settings))
    found = _differences(admin, topics)
    wrong = [d for d in found if d.what == PARTITIONS]
    if wrong:
        raise _error(wrong)
    wanted = {topic.name: topic for topic in topics}
    missing = [wanted[d.topic] for d in found if d.what == MISSING]
    done = _create(admin, settings, missing)
    by_topic: dict[str, list[Difference]] = {}
    for difference in found:
        if difference.what != MISSING:
            by_topic.setdefault(difference.topic, []).append(difference)
    for name, differences in by_topic.items():
        _alter(admin, name, differences)
        done += [f"{name}: {d.what} {d.got} -> {d.want}" for d in differences]
    _await_same(admin, [wanted[name] for name in by_topic])
    return done


def check(settings: Settings, topics: Sequence[Topic]) -> list[Difference]:
    """Every difference between ``topics`` and the broker; nothing is changed.

    Raises:
        UnavailableError: Kafka does not answer.
    """
    return _differences(AdminClient(admin_options(settings)), topics)


def require(settings: Settings, topics: Sequence[Topic]) -> None:
    """What every process asks before it starts.

    Raises:
        TopicDifferenceError: naming each difference.
        UnavailableError: Kafka does not answer.
    """
    differences = check(settings, topics)
    if differences:
        raise _error(differences)


def delete(settings: Settings, names: Sequence[str]) -> None:
    """Delete topics; those that do not exist are no error (a step of retiring a space, idempotent).

    Raises:
        UnavailableError: Kafka does not answer or refuses.
    """
    if not names:
        return
    admin = AdminClient(admin_options(settings))
    for name, future in admin.delete_topics(list(names), operation_timeout=TIMEOUT_S).items():
        try:
            answered(future, TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise UnavailableError(f"topic {name} could not be deleted: {error.args[0].str()}") from None
    _await_gone(admin, names)


def _error(differences: Sequence[Difference]) -> TopicDifferenceError:
    lines = "\n".join(f"  {difference}" for difference in differences)
    mendable = all(d.what != PARTITIONS for d in differences)
    advice = (
        "`marquee topics ensure` creates and mends them"
        if mendable
        else "partition counts are fixed for life: use another MARQUEE_NAMESPACE, or set them as they are"
    )
    return TopicDifferenceError(f"the topics are not what they must be:\n{lines}\n{advice}")


def _differences(admin: AdminClient, topics: Sequence[Topic]) -> list[Difference]:
    try:
        existing = admin.list_topics(timeout=TIMEOUT_S).topics
        found = [topic for topic in topics if topic.name in existing]
        configs = _configs(admin, [topic.name for topic in found])
    except KafkaException as error:
        raise UnavailableError(f"Kafka does not answer: {error.args[0].str()}") from None
    differences = [
        Difference(topic.name, MISSING, "present", "missing")
        for topic in topics
        if topic.name not in existing
    ]
    for topic in found:
        partitions = len(existing[topic.name].partitions)
        if partitions != topic.partitions:
            differences.append(Difference(topic.name, PARTITIONS, str(topic.partitions), str(partitions)))
        got = configs[topic.name]
        differences += [
            Difference(topic.name, name, want, got.get(name, "unknown to this broker"))
            for name, want in sorted(topic.config.items())
            if got.get(name) != want
        ]
    return differences


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers: dict[Any, Any] = admin.describe_configs(resources, request_timeout=TIMEOUT_S)
    return {
        resource.name: {name: entry.value for name, entry in answered(future, TIMEOUT_S).items()}
        for resource, future in answers.items()
    }


def _create(admin: AdminClient, settings: Settings, topics: Sequence[Topic]) -> list[str]:
    if not topics:
        return []
    replication = settings.topics.replication_factor
    requests = [
        NewTopic(t.name, num_partitions=t.partitions, replication_factor=replication, config=t.config)
        for t in topics
    ]
    for name, future in admin.create_topics(requests, operation_timeout=TIMEOUT_S).items():
        try:
            answered(future, TIMEOUT_S)
        except KafkaException as error:
            # somebody else creating it meanwhile is what we wanted
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise UnavailableError(f"topic {name} could not be created: {error.args[0].str()}") from None
    _await_visible(admin, topics)
    return [f"{topic.name}: created with {topic.partitions} partitions" for topic in topics]


def _await_visible(admin: AdminClient, topics: Sequence[Topic]) -> None:
    """Creation is acknowledged before every partition has a leader that clients can find."""
    deadline = time.monotonic() + VISIBLE_S
    while True:
        known = admin.list_topics(timeout=TIMEOUT_S).topics
        waiting = [
            topic.name
            for topic in topics
            if topic.name not in known
            or len(known[topic.name].partitions) != topic.partitions
            or any(p.leader < 0 for p in known[topic.name].partitions.values())
        ]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"created, but without leaders after {VISIBLE_S:.0f} s: {', '.join(waiting)}"
            )
        time.sleep(0.05)


def _await_gone(admin: AdminClient, names: Sequence[str]) -> None:
    """A deletion, too, is acknowledged before brokers answer so."""
    deadline = time.monotonic() + VISIBLE_S
    while left := set(names) & set(admin.list_topics(timeout=TIMEOUT_S).topics):
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"deleted, but still there after {VISIBLE_S:.0f} s: {', '.join(sorted(left))}"
            )
        time.sleep(0.05)


def _await_same(admin: AdminClient, topics: Sequence[Topic]) -> None:
    """A changed configuration is acknowledged before every broker answers with it."""
    deadline = time.monotonic() + VISIBLE_S
    while differences := _differences(admin, topics):
        if time.monotonic() > deadline:
            raise _error(differences)
        time.sleep(0.05)


def _alter(admin: AdminClient, name: str, differences: Sequence[Difference]) -> None:
    entries = [ConfigEntry(d.what, d.want, incremental_operation=AlterConfigOpType.SET) for d in differences]
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource]).values():
        try:
            answered(future, TIMEOUT_S)
        except KafkaException as error:
            raise UnavailableError(f"{name}: configuration not changed: {error.args[0].str()}") from None
