"""Scenes with users: reasons, another taste, 200 probes from rating to changed answer, a cold user."""

from __future__ import annotations

import itertools
import random
import time
from functools import partial
from typing import Any

from rich.progress import track

from deploy.cli.films import film_table
from deploy.demo.exact import read_vectors
from deploy.demo.report import PROBES, percentiles
from deploy.demo.stage import DemoError, Stage, until
from deploy.demo.tastes import choose, share
from streaming.exceptions import NotFoundError

K = 10
PROBE_USERS = 10
FIRST_LIKES = 6
PROBE_FILMS = 600
"""Probes rate the most liked so many films: a film without any vector would change nothing."""
CHANGE_TIMEOUT_S = 15.0
LOOKUPS = 200


def known_user(stage: Stage) -> None:
    """Recommendations with reasons for a user of the data, and the time of such lookups."""
    assert stage.likes is not None
    taste = choose(stage.likes, stage.films, read_vectors(stage.settings, stage.space))
    stage.taste = taste
    answer = stage.recommend(taste.user_id, k=K, explain="true")
    liked = [stage.films[i].title for i in stage.likes.of_user[taste.user_id] if i in stage.films]
    stage.say(f"[bold]{taste.user_id}[/] likes {', '.join(liked[:8])}{', ...' if len(liked) > 8 else ''}")
    stage.console.print(film_table("should see next", answer["items"], explain=True))
    if answer["source"] != "profile":
        raise DemoError(f"{taste.user_id} has rated, and yet the answer comes from {answer['source']}")
    users = sorted(stage.likes.of_user)
    times = []
    for user_id in itertools.islice(itertools.cycle(users), LOOKUPS):
        began = time.perf_counter()
        stage.recommend(user_id, k=K)
        times.append((time.perf_counter() - began) * 1000)
    stage.report.add(lookup_ms=percentiles(times))


def another_taste(stage: Stage) -> None:
    """A new user with a known one's taste likes five films of another genre."""
    assert stage.taste is not None
    taste = stage.taste
    viewer = stage.user("viewer")
    stage.rate(viewer, taste.rated)
    rated = len(taste.rated)
    until(lambda: _rated(stage, viewer) >= rated, CHANGE_TIMEOUT_S, "the first profile", pause_s=0.02)
    before = stage.recommend(viewer, k=K)
    titles = ", ".join(stage.films[item].title for item in taste.new_films)
    stage.say(f"a new user rates what {taste.user_id} rated, then likes: [bold]{titles}[/]")
    acknowledged = stage.rate(viewer, dict.fromkeys(taste.new_films, 5.0))
    after: dict[str, Any] = {}

    def all_counted() -> bool:
        nonlocal after
        if _rated(stage, viewer) < rated + len(taste.new_films):
            return False
        after = stage.recommend(viewer, k=K)
        return changed(before, after)

    seen = until(all_counted, CHANGE_TIMEOUT_S, "five likes changing the answer")
    shares = [
        share([film.get("genres", ()) for film in a["items"]], taste.new_genre) for a in (before, after)
    ]
    stage.console.print(film_table(f"after five likes of {taste.new_genre}", after["items"]))
    stage.say(
        f"{taste.new_genre} in the top {K}: [bold]{shares[0]:.0%} before, {shares[1]:.0%} after[/],"
        f" {(seen - acknowledged) * 1000:.0f} ms after the likes were acknowledged"
    )
    stage.report.add(
        taste={
            "user": taste.user_id,
            "main_genre": taste.main_genre,
            "new_genre": taste.new_genre,
            "share_before": shares[0],
            "share_after": shares[1],
        }
    )


def _rated(stage: Stage, user_id: str) -> int:
    """How many films the user's row counts."""
    profile = stage.gateway.user(user_id).get("profile") or {}
    return int(profile.get("rated", 0)) if profile.get("fresh") else 0


def _has_rated(stage: Stage, user_id: str, films: int) -> bool:
    return _rated(stage, user_id) >= films


def _has_changed(stage: Stage, user_id: str, before: dict[str, Any]) -> bool:
    return changed(before, stage.recommend(user_id, k=K))


def changed(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether the answer comes from a newer row: rated films being left out at once is not enough.

    The row's revision must have grown, and films that are in both answers must score differently.
    """
    if after["source"] != "profile" or (after["revision"] or -1) <= (before["revision"] or -1):
        return False
    scores = {film["item_id"]: film["score"] for film in before["items"]}
    both = [(scores[f["item_id"]], f["score"]) for f in after["items"] if f["item_id"] in scores]
    return not both or any(old != new for old, new in both)


def probes(stage: Stage) -> None:
    """Rate a film, poll until the answer has changed: 200 times, from the acknowledgement on."""
    assert stage.likes is not None
    pool = [item for item, _ in stage.likes.counts.most_common(PROBE_FILMS)]
    draw = random.Random(stage.run)  # noqa: S311 - which films are rated need not be secret
    users = {stage.user(f"probe-{n}"): draw.sample(pool, len(pool)) for n in range(PROBE_USERS)}
    for user_id, films in users.items():
        stage.rate(user_id, {films.pop(): 5.0 for _ in range(FIRST_LIKES)})
    for user_id in users:
        until(partial(_has_rated, stage, user_id, FIRST_LIKES), CHANGE_TIMEOUT_S, "a first profile", 0.02)
    times = []
    turns = itertools.islice(itertools.cycle(users.items()), PROBES)
    for user_id, films in track(
        turns, f"{PROBES} probes", total=PROBES, console=stage.console, transient=True
    ):
        before = stage.recommend(user_id, k=K)
        acknowledged = stage.rate(user_id, {films.pop(): 5.0})
        seen = until(
            partial(_has_changed, stage, user_id, before),
            CHANGE_TIMEOUT_S,
            "a rating changing the answer",
        )
        times.append((seen - acknowledged) * 1000)
    figures = percentiles(times)
    stage.say(
        f"acknowledged rating to changed answer, {figures['n']:.0f} probes:"
        f" [bold]p50 {figures['p50']:.0f} ms, p99 {figures['p99']:.0f} ms[/], max {figures['max']:.0f} ms"
    )
    stage.report.add(rating_to_recommendation_ms=figures)
    # likes of this moment would outweigh all the data's, which are years old, in what is popular
    stage.forget()


def cold_user(stage: Stage) -> None:
    """Who has never rated is shown what is popular, and the answer says so."""
    stranger = f"demo:{stage.run}:stranger"
    try:
        stage.gateway.user(stranger)
        raise DemoError(f"{stranger} should not be known")
    except NotFoundError:
        pass
    answer = stage.recommend(stranger, k=5)
    stage.console.print(film_table(f"a user nobody has seen before: {answer['source']}", answer["items"]))
    stage.report.add(cold_user_source=answer["source"])
