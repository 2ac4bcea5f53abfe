"""Which process owns a partition of a group: said by the ``client.id`` in the group's description.

A member's ``client.id`` is ``marquee-<role>@<host>:<port>#<instance>``: the address of its internal endpoint.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streaming.kafka.answers import answered
from streaming.kafka.exceptions import KafkaUnavailableError

TIMEOUT_S = 5.0
_CLIENT_ID = re.compile(r"marquee-(?P<role>[a-z-]+)@(?P<address>[^#\s]+:\d+)#(?P<instance>.+)")


@dataclass(frozen=True)
class Owner:
    """A process that is a member of a group; ``address`` is ``host:port`` of its internal endpoint."""

    role: str
    address: str
    instance: str


def client_id(role: str, address: str, instance: str) -> str:
    """The ``client.id`` of a member."""
    return f"marquee-{role}@{address}#{instance}"


def parse_client_id(value: str) -> Owner | None:
    """The process behind a ``client.id``, or None where it is none of ours."""
    found = _CLIENT_ID.fullmatch(value)
    return Owner(found["role"], found["address"], found["instance"]) if found else None


def owners(admin: AdminClient, group: str, topic: str) -> dict[int, Owner]:
    """Owner of each partition of ``topic`` in ``group`` right now; partitions without one are missing.

    Raises:
        KafkaUnavailableError: if Kafka does not answer.
    """
    found: dict[int, Owner] = {}
    for member in _described(admin, group):
        owner = parse_client_id(member.client_id)
        if owner is None or member.assignment is None:
            continue
        for place in member.assignment.topic_partitions:
            if place.topic == topic:
                found[place.partition] = owner
    return found


def members(admin: AdminClient, group: str) -> list[Owner]:
    """Every process of ours in ``group``, also those without partitions. Raises KafkaUnavailableError."""
    return [owner for m in _described(admin, group) if (owner := parse_client_id(m.client_id)) is not None]


def _described(admin: AdminClient, group: str) -> list[Any]:
    future = admin.describe_consumer_groups([group], request_timeout=TIMEOUT_S)[group]
    try:
        return list(answered(future, TIMEOUT_S + 1).members)
    except KafkaException as error:
        raise KafkaUnavailableError(f"the group {group} could not be described: {error}") from None
