"""Visits through the gateway's door at their times: lookups, reactions to the answers, ratings."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np

from deploy.rollout.replay.judge import Judge, Verdicts
from deploy.rollout.replay.pacing import paced
from deploy.rollout.replay.script import Visit
from streaming.settings import Settings

THREADS = 16
WAITING = 64
"""Visits that may wait for a thread; who comes on top is not sent, and counted."""
TIMEOUT_S = 30.0
K = 10
EXAMPLES = 5


@dataclass
class Replayed:
    """What came of a replay. ``answers``: (when it came, by time.monotonic; milliseconds; space)."""

    answers: list[tuple[float, float, str]] = field(default_factory=list)
    failed: int = 0
    ratings: int = 0
    ratings_failed: int = 0
    events: int = 0
    not_sent: int = 0
    popular: int = 0
    errors: list[str] = field(default_factory=list)
    verdicts: Verdicts = field(default_factory=Verdicts)
    began: float = 0.0
    ended: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether nothing failed and no answer was of two spaces."""
        return not (self.failed or self.ratings_failed or self.verdicts.mixed_count)

    def longest_gap_ms(self, start: float | None = None, end: float | None = None) -> float:
        """The longest time without an answer between two times; without, over the whole replay."""
        start, end = self.began if start is None else start, self.ended if end is None else end
        times = sorted(at for at, _, _ in self.answers if start <= at <= end)
        return max((b - a for a, b in zip([start, *times], [*times, end], strict=True)), default=0.0) * 1000

    def summary(self) -> dict[str, Any]:
        """The report, for programs."""
        took = np.array([ms for _, ms, _ in self.answers] or [np.nan])
        seconds = self.ended - self.began
        return {
            "seconds": round(seconds, 2),
            "lookups": len(self.answers) + self.failed,
            "lookups_per_s": round((len(self.answers) + self.failed) / seconds, 1) if seconds > 0 else 0.0,
            "failed": self.failed,
            "judged": self.verdicts.judged,
            "mixed": self.verdicts.mixed_count,
            "popular": self.popular,
            "not_sent": self.not_sent,
            "ratings": self.ratings,
            "ratings_failed": self.ratings_failed,
            "events": self.events,
            "by_space": dict(Counter(space for _, _, space in self.answers)),
            "latency_ms": {
                "p50": round(float(np.percentile(took, 50)), 2),
                "p99": round(float(np.percentile(took, 99)), 2),
                "max": round(float(took.max()), 2),
            },
            "max_gap_ms": round(self.longest_gap_ms(), 1),
            "errors": self.errors,
        }


class Player:
    """Plays visits against one or several gateways until they end or :meth:`stop` is called.

    An open loop, as real visitors are: nobody waits until another was answered (:func:`paced`).
    An impression is sent for each answer, a click and a like for the first film of it that the visitor
    likes at some time, and the rating that the script has for him, as of now.
    """

    def __init__(
        self,
        settings: Settings,
        visits: Sequence[Visit],
        likes: Mapping[str, frozenset[str]],
        urls: Sequence[str] = (),
        progress: Callable[[str, int, int], None] = lambda *_: None,
        *,
        quiet: bool = False,
    ) -> None:
        """``likes`` by the ids that ``visits`` have; ``quiet``: lookups only."""
        self._quiet = quiet
        self.result = Replayed()
        self._visits, self._likes, self._progress = visits, likes, progress
        self._urls = list(urls) or [settings.gateway.url.rstrip("/")]
        self._key = settings.gateway.api_key.get_secret_value()
        self._judge = Judge(settings)
        self._due: queue.Queue[Visit | None] = queue.Queue(WAITING)
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(self._urls[n % len(self._urls)],), daemon=True)
            for n in range(THREADS)
        ]

    def play(self) -> Replayed:
        """All visits; returns once the last was answered and judged."""
        self.result.began = time.monotonic()
        for thread in self._threads:
            thread.start()
        try:
            coming = paced(self._visits, self.result.began, time.monotonic, self._stopped.wait)
            for number, visit in enumerate(coming):
                try:
                    self._due.put_nowait(visit)
                except queue.Full:
                    self.result.not_sent += 1
                self._progress("lookups", number + 1, len(self._visits))
        finally:
            self._finish()
        return self.result

    def stop(self) -> None:
        """No further visits; :meth:`play` returns soon."""
        self._stopped.set()

    def _finish(self) -> None:
        for _ in self._threads:
            self._due.put(None)
        for thread in self._threads:
            thread.join(2 * TIMEOUT_S)
        self.result.ended = time.monotonic()
        self.result.verdicts = self._judge.close()

    def _work(self, url: str) -> None:
        headers = {"x-api-key": self._key} if self._key else {}
        with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as http:
            while (visit := self._due.get()) is not None:
                answer = self._look_up(http, visit.user_id)
                if self._quiet:
                    continue
                if answer is not None:
                    self._react(http, visit, answer)
                if visit.value is not None:
                    self._rate(http, visit)

    def _look_up(self, http: httpx.Client, user_id: str) -> dict[str, Any] | None:
        began = time.monotonic()
        try:
            response = http.get(
                f"/v1/users/{quote(user_id, safe='')}/recommendations", params={"k": K}
            ).raise_for_status()
            answer: dict[str, Any] = response.json()
        except (httpx.HTTPError, ValueError) as error:
            self._failed("failed", error)
            return None
        ended = time.monotonic()
        with self._lock:
            self.result.answers.append((ended, (ended - began) * 1000, answer["space"]))
            self.result.popular += answer["source"] == "popular"
        self._judge.put(answer)
        return answer

    def _react(self, http: httpx.Client, visit: Visit, answer: dict[str, Any]) -> None:
        shown = [item["item_id"] for item in answer["items"]]
        if not shown:
            return
        about = {"recommendation_id": answer["recommendation_id"]}
        events = [about | {"item_id": shown[0], "kind": "impression"}]
        liked = next((item for item in shown if item in self._likes.get(visit.user_id, ())), None)
        if liked is not None:
            events += [about | {"item_id": liked, "kind": kind} for kind in ("click", "like")]
        self._send(http, "/v1/events", events, "events", len(events))

    def _rate(self, http: httpx.Client, visit: Visit) -> None:
        now = datetime.now(UTC).isoformat()
        body = {
            "user_id": visit.user_id, "item_id": visit.item_id, "value": visit.value, "event_time": now,
        }  # fmt: skip
        self._send(http, "/v1/ratings", body, "ratings", 1)

    def _send(self, http: httpx.Client, path: str, body: Any, counter: str, count: int) -> None:
        try:
            http.post(path, json=body).raise_for_status()
        except httpx.HTTPError as error:
            self._failed("ratings_failed", error)
            return
        with self._lock:
            setattr(self.result, counter, getattr(self.result, counter) + count)

    def _failed(self, counter: str, error: Exception) -> None:
        with self._lock:
            setattr(self.result, counter, getattr(self.result, counter) + 1)
            if len(self.result.errors) < EXAMPLES:
                self.result.errors.append(str(error) or repr(error))
