"""What every scene of the demo needs: settings, gateway, data, the space, and a console."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rich.console import Console
from rich.rule import Rule

from deploy.cli.client import GatewayClient
from deploy.demo.report import Report
from deploy.demo.tastes import Likes, Taste
from streaming.control.documents import SpaceDocument
from streaming.events import Item
from streaming.exceptions import MarqueeError, NotFoundError, UnavailableError
from streaming.settings import Settings

POLL_S = 0.002
MADE = "demo:"
"""Before the id of every user and film that a demo makes."""


class DemoError(MarqueeError):
    """The demo cannot go on."""


@dataclass
class Stage:
    """One run of the demo. Ids of users and films that it makes begin with ``demo:<run>:``."""

    settings: Settings
    gateway: GatewayClient
    space: SpaceDocument
    console: Console
    report: Report
    films: dict[str, Item] = field(default_factory=dict)
    likes: Likes | None = None
    taste: Taste | None = None
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    made_users: list[str] = field(default_factory=list)
    made_items: list[str] = field(default_factory=list)

    def user(self, name: str) -> str:
        """The id of a user who is forgotten when the demo ends."""
        made = f"{MADE}{self.run}:{name}"
        self.made_users.append(made)
        return made

    def item(self, name: str) -> str:
        """The id of a film that is removed when the demo ends."""
        made = f"{MADE}{self.run}:{name}"
        self.made_items.append(made)
        return made

    def title(self, text: str) -> None:
        """The beginning of a scene."""
        self.console.print()
        self.console.print(Rule(f"[bold]{text}", align="left"))

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(text, highlight=False)

    def forget(self) -> None:
        """Erase the users and remove the films that were made so far: nothing counts from them any more."""
        while self.made_users:
            user_id = self.made_users.pop()
            self._quietly(user_id, partial(self.gateway.delete_user, user_id))
        while self.made_items:
            item_id = self.made_items.pop()
            self._quietly(item_id, partial(self.gateway.delete_item, item_id))

    def _quietly(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except MarqueeError as error:
            self.say(f"[yellow]{what} could not be forgotten: {error}[/]")

    def rate(self, user_id: str, rated: dict[str, float]) -> float:
        """Send ratings as of now; the monotonic time at which they were acknowledged.

        Raises:
            DemoError: one was refused.
        """
        at = datetime.now(UTC).isoformat()
        rows = [
            {"user_id": user_id, "item_id": item, "value": value, "event_time": at}
            for item, value in rated.items()
        ]
        taken = self.gateway.rate_all(rows)
        if taken and taken.get("rejected"):
            raise DemoError(f"the gateway refused ratings: {taken['errors']}")
        return time.perf_counter()

    def recommend(self, user_id: str, **options: object) -> dict[str, Any]:
        """The gateway's answer."""
        answer: dict[str, Any] = self.gateway.recommendations(user_id, **options)
        return answer


def until(probe: Callable[[], bool], timeout_s: float, what: str, pause_s: float = POLL_S) -> float:
    """Ask until ``probe`` says yes; the monotonic time at which it did.

    What is not found or not ready yet counts as no.

    Raises:
        DemoError: it did not within ``timeout_s``.
    """
    deadline = time.perf_counter() + timeout_s
    last = ""
    while True:
        try:
            if probe():
                return time.perf_counter()
        except (NotFoundError, UnavailableError) as error:
            last = f" ({error})"
        if time.perf_counter() > deadline:
            raise DemoError(f"{what} did not happen within {timeout_s:g} s{last}")
        time.sleep(pause_s)


def marquee(*arguments: str) -> None:
    """Run a ``marquee`` command as a person would, its output shown.

    Raises:
        DemoError: it failed.
    """
    done = subprocess.run([sys.executable, "-m", "deploy.cli", *arguments], check=False)
    if done.returncode:
        raise DemoError(f"`marquee {' '.join(arguments)}` ended with {done.returncode}")
