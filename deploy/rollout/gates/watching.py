"""Looking at a gate again and again until it is decided, or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import httpx

from deploy.rollout.exceptions import IllegalStepError
from deploy.rollout.feedback import FeedbackWatch
from deploy.rollout.gates.figures import Collected, Key, parse
from deploy.rollout.gates.freshness import FreshnessWatch
from deploy.rollout.gates.judging import canary_gate, shadow_gate
from deploy.rollout.gates.limits import Limits
from deploy.rollout.gates.rows import Gate
from deploy.rollout.moves import find
from deploy.rollout.presence import GATEWAY, Followers
from streaming.control.presence import Heartbeat
from streaming.control.reader import read_control
from streaming.exceptions import UnavailableError
from streaming.settings import Settings

LOOK_S = 1.0
SCRAPE_S = 5.0
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


def watch(
    settings: Settings,
    name: str,
    space_id: str,
    limits: Limits,
    timeout_s: float,
    look: Callable[[Gate], None] = lambda _: None,
) -> Gate:
    """The gate, as soon as it is decided; as it stands when time is up.

    Args:
        name: ``shadow`` or ``canary``.
        look: called with every look, for displays.

    Raises:
        NotFoundError: there is no such space.
        IllegalStepError: the space is not in the state that the gate judges, or left it meanwhile.
        UnavailableError: no gateway answers, or Kafka or Milvus do not.
    """
    until, figures = time.monotonic() + timeout_s, Collected()
    with (
        Followers(settings) as followers,
        _client(settings) as http,
        closing(FeedbackWatch(settings)) as feedback,
        closing(FreshnessWatch(settings, limits.canary.late_ms)) as freshness,
    ):
        while True:
            state = read_control(settings)
            space = find(state, space_id)
            if space.state != name or state.route is None:
                raise IllegalStepError(f"{space_id} is {space.state}: the gate `{name}` judges a {name}")
            figures.look(_scrape(http, followers))
            champion = state.route.champion
            if name == "shadow":
                gate = shadow_gate(figures, space_id, champion, limits)
            else:
                both = {one: state.spaces[one] for one in (space_id, champion)}
                lateness = freshness.look(both)
                gate = canary_gate(figures, space_id, champion, limits, feedback.look(), lateness)
            look(gate)
            if gate.verdict != "open" or time.monotonic() > until:
                return gate
            time.sleep(LOOK_S)


def _client(settings: Settings) -> httpx.Client:
    key = settings.gateway.api_key.get_secret_value()
    return httpx.Client(headers={"x-api-key": key} if key else {}, timeout=SCRAPE_S, trust_env=False)


def _scrape(http: httpx.Client, followers: Followers) -> dict[str, dict[Key, float]]:
    """Figures of every gateway that answers, by process; a restart is another process."""
    found, silent = {}, []
    for key, beat in followers.here().items():
        if beat.role != GATEWAY:
            continue
        try:
            answer = http.get(f"http://{_address(beat)}/metrics")
            answer.raise_for_status()
        except httpx.HTTPError as error:
            silent.append(f"{key}: {error}")
            continue
        found[f"{key}/{beat.started_ms}"] = parse(answer.text)
    if not found:
        raise UnavailableError(f"no gateway tells its figures {'; '.join(silent)}".strip())
    return found


def _address(beat: Heartbeat) -> str:
    host, _, port = beat.address.rpartition(":")
    return f"{beat.host if host in ANYWHERE else host}:{port}"
