"""Claim: an acknowledged rating changes recommendations within 250 ms (p99), at 1,000 events/s besides.

Ledger, space worker and gateway are processes of their own, Kafka and Milvus Lite are real. A probe rates a
film over HTTP and polls until the answer comes from a newer row with other scores: that the film itself is
left out at once, by the gateway's own memory, does not count.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import httpx
from rich.console import Console

from benchmarks._background import background
from benchmarks._services import gateway_client, running, services, wait_for
from benchmarks._space import DIM, make_films, make_space, put_vectors, status_of
from benchmarks._timing import percentiles
from benchmarks.report import Goal, publish
from deploy.demo.people import changed

FILMS = int(os.environ.get("MARQUEE_BENCH_FILMS", "10000"))
PROBES = int(os.environ.get("MARQUEE_BENCH_PROBES", "300"))
RATE = int(os.environ.get("MARQUEE_BENCH_RATE", "1000"))
BACKGROUND_USERS, PROBE_USERS, FIRST_LIKES, K = 6_000, 10, 6, 10
LONGEST_S = 15.0
WARM_UP_S = 30.0
"""Everybody has a row by then, and the broker's code is compiled."""
console = Console(stderr=True)


class Prober:
    """Users who rate one film after the other, and look what that changes."""

    def __init__(self, http: httpx.Client, films: Sequence[str]) -> None:
        self._http = http
        rng = random.Random(5)
        self._left = {f"probe{n}": rng.sample(films, len(films)) for n in range(PROBE_USERS)}
        self.polls, self.given_up = 0, 0

    def recommend(self, user: str) -> Any:
        """The user's answer."""
        answer = self._http.get(f"/v1/users/{user}/recommendations", params={"k": K})
        answer.raise_for_status()
        return answer.json()

    def rate(self, user: str) -> float:
        """One more like; when it was acknowledged."""
        now = datetime.now(UTC).isoformat()
        rating = {"user_id": user, "item_id": self._left[user].pop(), "value": 5.0, "event_time": now}
        self._http.post("/v1/ratings", json=rating).raise_for_status()
        return time.perf_counter()

    def begin(self) -> None:
        """First profiles of all probe users."""
        for user in self._left:
            for _ in range(FIRST_LIKES):
                self.rate(user)
        for user in self._left:
            wait_for(lambda user=user: self._rated(user), 60, f"a profile of {user}")  # type: ignore[misc]

    def _rated(self, user: str) -> bool:
        profile = self._http.get(f"/v1/users/{user}").json().get("profile") or {}
        return bool(profile.get("fresh")) and profile["rated"] == FIRST_LIKES

    def probe(self, user: str) -> float:
        """Milliseconds from an acknowledgement to the first changed answer.

        After :data:`LONGEST_S` it is given up, and that long counts: the figure is then a lower bound.
        """
        before = self.recommend(user)
        acknowledged = self.rate(user)
        while time.perf_counter() - acknowledged < LONGEST_S:
            after = self.recommend(user)
            self.polls += 1
            if changed(before, after):
                return (time.perf_counter() - acknowledged) * 1000
        self.given_up += 1
        return LONGEST_S * 1000

    def probes(self, count: int, wanted: Callable[[], bool] = lambda: True) -> list[float]:
        """``count`` probes, the users in turn; fewer once they are not ``wanted`` any more."""
        users, found = list(self._left), list[float]()
        while len(found) < count and wanted():
            found.append(self.probe(users[len(found) % len(users)]))
        return found


def row(what: str, rate: float, times: list[float]) -> dict[str, Any]:
    """The table's row."""
    found = percentiles(times)
    return {
        "background": what,
        "events/s": round(rate),
        "probes": found["n"],
        **{f"{name} ms": found[name] for name in ("p50", "p99", "max")},
    }


def main() -> None:
    """Probe a quiet stack, then one that folds others' ratings."""
    with services(milvus=True) as settings:
        space, films = make_space(settings), make_films(FILMS)
        console.print(f"writing {FILMS:,} films of {DIM} dimensions")
        put_vectors(settings, space, films)
        processes = (("ledger",), ("space", space.space), ("gateway",))
        with running(settings, *processes), closing(gateway_client(settings)) as http:

            def rows_written() -> bool:
                status = status_of(settings, f"space:{space.space}")
                return status is not None and status["last_clean_ms"]["items"] is not None

            wait_for(rows_written, 180, "the worker has written and compared all films", 0.5)
            prober = Prober(http, films.ids)
            prober.begin()
            console.print("probing the quiet stack")
            quiet = prober.probes(max(20, PROBES // 4))
            with background(settings, RATE, BACKGROUND_USERS, FILMS) as reached:
                time.sleep(WARM_UP_S)
                console.print(f"probing at {RATE:,} events/s")
                busy = prober.probes(PROBES)
        rows = [row("none", 0, quiet), row("others rate", reached[0], busy)]
        publish(
            "freshness",
            {"films": FILMS, "background_users": BACKGROUND_USERS, "polls": prober.polls}
            | {"given_up": prober.given_up, "longest_wait_s": LONGEST_S},
            rows,
            [
                Goal(
                    f"acknowledged rating to changed answer, p99 ms at {RATE:,} events/s",
                    rows[1]["p99 ms"],
                    250,
                    False,
                )
            ],
        )


if __name__ == "__main__":
    main()
