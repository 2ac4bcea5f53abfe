"""What a running space worker says of itself."""

from __future__ import annotations

from typing import Any

from confluent_kafka.admin import AdminClient

from streaming.exceptions import UnavailableError
from streaming.internal import OwnerUnavailableError, call_url
from streaming.kafka.config import admin_options
from streaming.kafka.owners import owners
from tests.integration.space.world import World


def found_right(world: World) -> str:
    """Address of the worker that owns all users and has found every row right; empty until there is one."""
    admin = AdminClient(admin_options(world.settings))
    try:
        found = owners(admin, world.names.projector_group(world.id), world.names.users)
    except UnavailableError:
        return ""  # the group has no coordinator yet
    if len(found) < world.settings.topics.ratings_partitions:
        return ""
    address = found[0].address
    try:
        status = call_url(world.settings, address, "GET", "/status").body
    except OwnerUnavailableError:
        return ""  # the group still lists a process that was killed
    loaded = [u["loaded"] for u in status["users"].values()]
    right = len(loaded) == len(found) and all(loaded) and all(status["last_clean_ms"].values())
    return address if right else ""


def passes_of(world: World, address: str) -> dict[str, Any]:
    """The reconciler's counters."""
    body: dict[str, Any] = call_url(world.settings, address, "GET", "/passes").body
    return body
