"""What a running ledger says of itself."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import httpx
from confluent_kafka.admin import AdminClient

from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.kafka.owners import members
from streaming.settings import Settings
from streaming.topics import TopicNames

PARTITIONS = 4
"""Of ``ratings.v1`` in the tests of this folder: enough to be shared by two, quick to make."""


def address_of(settings: Settings, instance: str) -> str | None:
    """Internal address of a ledger that is a member of the group."""
    group = TopicNames(settings.namespace).ledger_group
    found = members(_admin(str(settings.kafka["bootstrap.servers"])), group)
    return next((owner.address for owner in found if owner.instance == instance), None)


@lru_cache(maxsize=4)
def _admin(bootstrap: str) -> AdminClient:
    # asked many times a second: a client each would cost more than the question
    made = AdminClient({"bootstrap.servers": bootstrap, "client.id": "status", "log_level": 0})
    # and kept for good: librdkafka may wait for ever when it ends a client whose broker has gone before it,
    # which here is when the interpreter ends, after the tests
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))
    return made


def ask(settings: Settings, address: str, path: str) -> httpx.Response:
    """GET from the internal endpoint."""
    token = settings.internal.token.get_secret_value()
    return httpx.get(f"http://{address}{path}", headers={"authorization": f"Bearer {token}"}, timeout=5)


def ledger_status(settings: Settings, instance: str) -> dict[str, Any]:
    """``GET /status``; empty while there is no answer."""
    try:
        address = address_of(settings, instance)
    except KafkaUnavailableError:
        return {}
    if address is None:
        return {}
    try:
        body: dict[str, Any] = ask(settings, address, "/status").json()
    except httpx.HTTPError:
        return {}
    return body


def ready(settings: Settings, instance: str) -> list[str]:
    """The partitions that an instance folds."""
    status = ledger_status(settings, instance)
    return [n for n, partition in status.get("partitions", {}).items() if partition["phase"] == "ready"]


def all_ready(settings: Settings, *instances: str) -> bool:
    """Whether these instances fold every partition, in equal shares."""
    share = PARTITIONS // len(instances)
    return all(len(ready(settings, instance)) == share for instance in instances)
