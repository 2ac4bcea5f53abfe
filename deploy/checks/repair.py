"""Asking the owners of rows to mend them, and looking until nothing differs any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.checks.findings import ItemFindings, LogFindings, UserRowFindings
from deploy.checks.items import ItemCheck
from deploy.checks.reading import quiet_admin
from deploy.checks.users import UserCheck
from streaming.control.documents import SpaceDocument
from streaming.exceptions import UnavailableError
from streaming.internal.client import call_url
from streaming.kafka.owners import owners
from streaming.settings import Settings
from streaming.topics import TopicNames

Step = Callable[[str], None]
ASK_TIMEOUT_S = 30.0
NAMED = 1_000
"""Ids in one request."""


@dataclass
class Repair:
    """What was asked of whom, and what is still wrong."""

    asked: dict[str, list[str]] = field(default_factory=dict)
    """space -> addresses of its workers."""
    seconds: float = 0.0
    clean: bool = False
    log: LogFindings | None = None
    users: list[UserRowFindings] = field(default_factory=list)
    items: list[ItemFindings] = field(default_factory=list)


def worker_addresses(settings: Settings, space: SpaceDocument) -> list[str]:
    """Internal addresses of the workers that own partitions of the space.

    Raises:
        UnavailableError: some partition of users or films has no owner: no worker runs.
    """
    admin = quiet_admin(settings)
    names = TopicNames(settings.namespace)
    found: set[str] = set()
    for group, topic, partitions in (
        (names.projector_group(space.space), names.users, settings.topics.ratings_partitions),
        (names.indexer_group(space.space), names.items, settings.topics.items_partitions),
    ):
        owned = owners(admin, group, topic)
        missing = sorted(set(range(partitions)) - owned.keys())
        if missing:
            raise UnavailableError(
                f"nobody owns partitions {missing} of {topic} in space {space.space}: its worker is not"
                " running, or changes hands at the moment; `marquee stack status` says which"
            )
        found |= {owner.address for owner in owned.values()}
    return sorted(found)


def ask_owners(settings: Settings, space: SpaceDocument, body: dict[str, Any]) -> list[str]:
    """``POST /reconcile`` to every worker of the space; returns their addresses.

    Raises:
        UnavailableError: a worker does not answer.
    """
    addresses = worker_addresses(settings, space)
    for address in addresses:
        call_url(settings, address, "POST", "/reconcile", body, timeout_s=ASK_TIMEOUT_S)
    return addresses


def repair(
    settings: Settings, spaces: Sequence[SpaceDocument], timeout_s: float, step: Step = lambda _: None
) -> Repair:
    """Have every row of ``spaces`` recomputed by its owner, and wait until a check finds nothing."""
    done, began = Repair(), time.monotonic()
    for space in spaces:
        step(f"asking the workers of {space.space}")
        done.asked[space.space] = ask_owners(settings, space, {"all": True})
    while True:
        check = UserCheck(settings, spaces, 0.0, step).run()
        done.log, done.users = check.log, list(check.rows.values())
        done.items = [ItemCheck(settings, space, 0.0, step).run() for space in spaces]
        done.clean = done.log.clean and all(f.clean for f in done.users) and all(f.clean for f in done.items)
        done.seconds = time.monotonic() - began
        if done.clean or done.seconds > timeout_s:
            return done
        for space, rows, films in zip(spaces, done.users, done.items, strict=True):
            # by name: a row that lies about its own digest looks right to a pass
            users = [*rows.missing, *rows.stale, *rows.orphans]
            items = [*films.missing, *films.differing, *films.orphans]
            for start in range(0, max(len(users), len(items)), NAMED):
                part = {"users": users[start : start + NAMED], "items": items[start : start + NAMED]}
                ask_owners(settings, space, part)
        time.sleep(1.0)
