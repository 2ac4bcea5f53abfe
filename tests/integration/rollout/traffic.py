"""Lookups against several gateways at a rate, each answer kept with what is needed to judge it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from streaming.control.documents import RouteDocument
from streaming.gateway.routing import space_for
from tests.integration.gateway.world import KEY, Vectors

STALL_STEP_S = 0.005
TOLERANCE = 1e-4
"""Of a score, relative: Milvus computes in float32."""


@dataclass(frozen=True)
class Answer:
    """One lookup; times are of ``time.monotonic``. ``body`` is None where it failed."""

    user: str
    began: float
    ended: float
    body: dict[str, Any] | None
    error: str = ""


@dataclass(frozen=True)
class Truth:
    """What a space holds: profiles of users and vectors of films."""

    profiles: Mapping[str, Vectors]
    films: Mapping[str, Vectors]

    def explains(self, answer: dict[str, Any]) -> bool:
        """Whether every score is this space's profile times this space's vector."""
        profile = self.profiles[answer["user_id"]].astype(np.float64)
        return all(
            abs(item["score"] - float(np.dot(profile, self.films[item["item_id"]].astype(np.float64))))
            <= TOLERANCE * max(1.0, abs(item["score"]))
            for item in answer["items"]
        )


@dataclass(frozen=True)
class Revision:
    """A route, when it was begun to be written, and when every gateway had reported it."""

    route: RouteDocument
    written: float
    seen: float


class Traffic:
    """``rate`` lookups a second over ``urls``, by threads, until :meth:`stop`."""

    def __init__(self, urls: Sequence[str], users: Sequence[str], rate: float, rng: random.Random) -> None:
        self.answers: list[Answer] = []
        self.likes: dict[str, float] = {}
        """space -> how probable it is that the first film of an answer is liked."""
        self.stalls: list[tuple[float, float]] = []
        """(when, seconds) by which a thread that only sleeps was late: what the machine itself cost."""
        self._users, self._stopped = users, threading.Event()
        per_gateway = 4
        pause = len(urls) * per_gateway / rate
        self._threads = [
            threading.Thread(target=self._run, args=(url, pause, random.Random(rng.random())))
            for url in urls
            for _ in range(per_gateway)
        ]
        self._threads.append(threading.Thread(target=self._note_stalls))
        for thread in self._threads:
            thread.start()

    def stalled(self, start: float, end: float) -> float:
        """The longest stall of this process between two times, in seconds."""
        return max((late for at, late in self.stalls if start <= at <= end), default=0.0)

    def _note_stalls(self) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            time.sleep(STALL_STEP_S)
            now = time.monotonic()
            self.stalls.append((now, now - began - STALL_STEP_S))

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(60)

    def more(self, count: int, timeout_s: float = 120.0) -> None:
        """Return once ``count`` more lookups that began after now have been answered."""
        now, until = time.monotonic(), time.monotonic() + timeout_s
        while sum(answer.began >= now for answer in self.answers[-4 * count :]) < count:
            assert time.monotonic() < until, f"traffic has stopped: {self.answers[-1:]}"
            time.sleep(0.02)

    def _run(self, url: str, pause: float, rng: random.Random) -> None:
        due = time.monotonic() + rng.random() * pause
        with httpx.Client(base_url=url, headers={"x-api-key": KEY}, timeout=60, trust_env=False) as http:
            while not self._stopped.is_set():
                time.sleep(max(0.0, due - time.monotonic()))
                # open loop, but nobody catches up on what a busy machine missed
                due = max(due + pause, time.monotonic() - pause)
                self._one(http, rng.choice(self._users), rng.random())

    def _one(self, http: httpx.Client, user: str, mood: float) -> None:
        began = time.monotonic()
        try:
            response = http.get(f"/v1/users/{user}/recommendations", params={"k": 5})
        except httpx.HTTPError as error:
            self.answers.append(Answer(user, began, time.monotonic(), None, repr(error)))
            return
        ended = time.monotonic()
        if response.status_code != 200:
            self.answers.append(Answer(user, began, ended, None, f"{response.status_code} {response.text}"))
            return
        body = response.json()
        assert response.headers["x-marquee-space"] == body["space"]
        self.answers.append(Answer(user, began, ended, body))
        if mood < self.likes.get(body["space"], 0.0):
            liked = {"recommendation_id": body["recommendation_id"], "kind": "like"}
            response = http.post("/v1/events", json=liked | {"item_id": body["items"][0]["item_id"]})
            assert response.status_code == 202, response.text


def failed(answers: Sequence[Answer]) -> list[str]:
    return [answer.error for answer in answers if answer.body is None]


def mixed(answers: Sequence[Answer], truth: Mapping[str, Truth]) -> list[Answer]:
    """Answers whose scores are not those of the space that they name."""
    return [a for a in answers if a.body is not None and not truth[a.body["space"]].explains(a.body)]


def astray(answers: Sequence[Answer], revisions: Sequence[Revision]) -> list[Answer]:
    """Answers from a space that no route in force while they were made gives that user."""
    wrong = []
    for answer in answers:
        allowed = set()
        for number, revision in enumerate(revisions):
            replaced = revisions[number + 1].seen if number + 1 < len(revisions) else float("inf")
            if revision.written <= answer.ended and answer.began <= replaced:
                allowed.add(space_for(revision.route, answer.user))
        if answer.body is not None and answer.body["space"] not in allowed:
            wrong.append(answer)
    return wrong


def longest_gap(answers: Sequence[Answer], start: float, end: float) -> float:
    """Seconds between two answers, at most, between two times."""
    times = sorted(a.ended for a in answers if a.body is not None and start <= a.ended <= end)
    return max((b - a for a, b in zip([start, *times], [*times, end], strict=True)), default=0.0)
