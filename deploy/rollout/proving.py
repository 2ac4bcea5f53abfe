"""Waiting until a new space has caught up, and proving it by code that shares nothing with its worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from deploy.checks.findings import ItemFindings, LogFindings, UserRowFindings
from deploy.checks.items import ItemCheck
from deploy.checks.users import UserCheck
from deploy.data.lag import LagWatch
from deploy.rollout.exceptions import NotProvenError
from deploy.rollout.gates.limits import load_limits
from deploy.rollout.presence import Followers
from streaming.control.documents import SpaceDocument
from streaming.control.reader import read_control
from streaming.exceptions import ConflictError, UnavailableError
from streaming.settings import Settings

Progress = Callable[[str, int, int], None]
Step = Callable[[str], None]
LOOK_S = 0.5
WORKER_S = 60.0
"""How long a space may be without a worker before one is told."""


@dataclass(frozen=True)
class Proof:
    """What both checks found."""

    log: LogFindings
    users: UserRowFindings
    items: ItemFindings

    @property
    def clean(self) -> bool:
        """Whether documents, vectors and rows are what the log says."""
        return self.log.clean and self.users.clean and self.items.clean

    def __str__(self) -> str:
        users, items = self.users, self.items
        return (
            f"documents differing {len(self.log.differing)}; user rows missing {len(users.missing)},"
            f" stale {len(users.stale)}, orphans {len(users.orphans)}; films without vector"
            f" {len(items.without_vector)}, vectors without film {len(items.vector_without_item)},"
            f" rows missing {len(items.missing)}, differing {len(items.differing)},"
            f" orphans {len(items.orphans)}"
        )


def catch_up(
    settings: Settings, space: SpaceDocument, timeout_s: float, progress: Progress = lambda *_: None
) -> None:
    """Wait until the ledger and the space's indexer have taken everything there is.

    Args:
        progress: called with (label, done, total).

    Raises:
        UnavailableError: no worker of the space runs, or it took longer than ``timeout_s``.
        ConflictError: somebody aborted the space meanwhile.
    """
    watch, began, seen = LagWatch(settings, [space]), time.monotonic(), time.monotonic()
    with Followers(settings) as followers:
        while True:
            behind = watch.behind(progress)
            if not behind:
                return
            now = time.monotonic()
            if any(b.role == f"space:{space.space}" for b in followers.here().values()):
                seen = now
            if now - seen > min(WORKER_S, timeout_s):
                raise UnavailableError(
                    f"no worker of {space.space} runs (`marquee stack status` says why); once it does:"
                    f" marquee rollout resume {space.space}"
                )
            if now - began > timeout_s:
                raise UnavailableError(
                    f"still behind after {timeout_s:g} s: {', '.join(behind)}; to go on waiting:"
                    f" marquee rollout resume {space.space}"
                )
            _still_wanted(settings, space)
            time.sleep(LOOK_S)


def prove(settings: Settings, space: SpaceDocument, timeout_s: float, step: Step = lambda _: None) -> Proof:
    """Recompute documents, profiles, vectors and rows of the space until nothing differs.

    Rows of a new space trail what its worker has read, so a finding is looked at again until time is up.

    Raises:
        NotProvenError: something still differs then, or the encoder refused too many films; the space
            stays as it is.
        ConflictError: somebody aborted the space meanwhile.
    """
    until = time.monotonic() + timeout_s
    while True:
        wait_s = max(0.0, min(10.0, until - time.monotonic()))
        users = UserCheck(settings, [space], wait_s, step).run()
        items = ItemCheck(settings, space, wait_s, step).run()
        proof = Proof(users.log, users.rows[space.space], items)
        if proof.clean:
            require_vectors(items, load_limits().ready.refused)
            return proof
        if time.monotonic() > until:
            raise NotProvenError(f"{space.space} is not what the log says: {proof}")
        _still_wanted(settings, space)


def require_vectors(items: ItemFindings, most: float) -> None:
    """A film that was refused is explained by the DLQ, and so no difference; a space of such films is none.

    Args:
        most: share of the films that may be refused.

    Raises:
        NotProvenError: more are.
    """
    if items.refused > most * items.items:
        raise NotProvenError(
            f"the encoder of {items.space} refused {items.refused} of {items.items} films, more than"
            f" {most:.0%}; `marquee dlq list` says why"
        )


def _still_wanted(settings: Settings, space: SpaceDocument) -> None:
    state = read_control(settings).spaces[space.space].state
    if state != space.state:
        raise ConflictError(f"{space.space} is {state} by now: somebody else moved it")
