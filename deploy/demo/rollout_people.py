"""Who visits during ``make rollout-demo``: copies of people of the shipped data.

Half of what they rated is there before the new model is trained, the other half comes while it is rolled out.

Both packages have seen the people whose copies these are, so the figures of `evaluate` flatter both alike;
its differences are what the gate judges. Copies, so that nobody's profile is changed by a rehearsal.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from deploy.cli.client import GatewayClient
from deploy.demo.stage import DemoError
from deploy.rollout.replay import Script, from_ratings
from trainer.data import SHIPPED, Ratings, all_ratings, resolve

DATA = os.environ.get("DEMO_DATA", SHIPPED)
"""Folder of ratings and films that are imported, and whose people visit."""
PEOPLE = 100
FEWEST, MOST = 20, 150
BULK = 500


@dataclass(frozen=True)
class Audience:
    """``before``: (user, item, value), given at once; ``script``: visits still to come."""

    users: tuple[str, ...]
    before: tuple[tuple[str, str, float], ...]
    script: Script


def audience(prefix: str) -> Audience:
    """The same people every time, under ids that begin with ``prefix``."""
    ratings = all_ratings(resolve(DATA))
    counts: dict[str, int] = {}
    for user in ratings.user_ids.tolist():
        counts[user] = counts.get(user, 0) + 1
    chosen = [user for user, count in sorted(counts.items()) if FEWEST <= count <= MOST][:PEOPLE]
    known = set(chosen)
    mine = np.array([user in known for user in ratings.user_ids.tolist()])
    script = from_ratings(
        Ratings(
            np.array([prefix + user for user in ratings.user_ids[mine].tolist()], dtype=object),
            ratings.item_ids[mine],
            ratings.values[mine],
            ratings.event_time_ms[mine],
        )
    )
    half = len(script.visits) // 2
    before = tuple((v.user_id, v.item_id, v.value or 0.0) for v in script.visits[:half])
    later = Script(script.visits[half:], script.likes)
    return Audience(tuple(prefix + user for user in chosen), before, later)


def rate_before(gateway: GatewayClient, people: Audience) -> int:
    """Send the first half, as of now; how many.

    Raises:
        DemoError: some were refused.
    """
    now = datetime.now(UTC).isoformat()
    rows = [
        {"user_id": user, "item_id": item, "value": value, "event_time": now}
        for user, item, value in people.before
    ]
    for start in range(0, len(rows), BULK):
        taken = gateway.rate_all(rows[start : start + BULK])
        if taken and taken.get("rejected"):
            raise DemoError(f"the gateway refused ratings: {taken['errors']}")
    return len(rows)
