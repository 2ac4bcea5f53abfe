"""What a running ledger says of itself."""

from __future__ import annotations

import ctypes
from typing import Any

import httpx
from confluent_kafka import KafkaException

from streaming.control.presence import PresenceWatch
from streaming.settings import Settings

PARTITIONS = 4
"""Of ``ratings.v1`` in the tests of this folder: enough to be shared by two, quick to make."""
_watches: dict[tuple[str, str], PresenceWatch] = {}


def address_of(settings: Settings, instance: str) -> str | None:
    """Internal address that a ledger has last reported.

    Not from the group's description: librdkafka can abort the process that asks for it while brokers go
    and come (its issue 5397), which would end the tests.
    """
    place = str(settings.kafka["bootstrap.servers"]), settings.namespace
    watch = _watches.get(place)
    if watch is None:
        watch = _watches[place] = PresenceWatch(settings)
        # kept for good: librdkafka may wait for ever when it ends a client whose broker has gone before it
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(watch))
    beats = [b for b in watch.look().values() if (b.role, b.instance) == ("ledger", instance)]
    return max(beats, key=lambda beat: beat.at_ms).address if beats else None


def ask(settings: Settings, address: str, path: str) -> httpx.Response:
    """GET from the internal endpoint."""
    token = settings.internal.token.get_secret_value()
    return httpx.get(f"http://{address}{path}", headers={"authorization": f"Bearer {token}"}, timeout=5)


def ledger_status(settings: Settings, instance: str) -> dict[str, Any]:
    """``GET /status``; empty while there is no answer."""
    try:
        address = address_of(settings, instance)
    except KafkaException:
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
