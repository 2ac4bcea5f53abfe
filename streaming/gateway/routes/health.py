"""Is it up, can it answer, and how is it doing?"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from streaming.exceptions import UnavailableError
from streaming.gateway import openapi
from streaming.gateway.routes.common import Desk, answer, desk
from streaming.milvus.exceptions import CollectionMissingError
from streaming.observability.metrics import CONTENT_TYPE_LATEST, gauge, render

router = APIRouter(tags=["health"])

_films = gauge("gateway_films", "Films held of each space", ("space",))
_loaded = gauge("gateway_loaded", "Whether a space's films have all been read", ("space",))
_behind = gauge("gateway_ledger_behind", "1 while ratings are refused because they may expire unfolded")
_revision = gauge("gateway_control_revision", "Revision of control that lookups go by")

NOBODY = "-"
"""Asked for to see whether Milvus answers; it does not matter whether there is such a user."""


# load balancers ask by HEAD
@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", **openapi.HEALTHZ)
async def healthz() -> Response:
    """The process answers."""
    return answer({"status": "ok"})


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", **openapi.READYZ)
async def readyz(request: Request) -> Response:
    """Kafka and Milvus answer, and all that lookups need has been read; else 503 and what is missing.

    Before a first model is in service ratings and films are taken already: that is ready, too.
    """
    here = desk(request)
    checks = await here.blocking(readiness, here, pool=here.state.slow_pool)
    ready = all(check in (True, None) for check in checks.values())
    return answer(
        {"status": "ready" if ready else "not ready", "checks": checks},
        200 if ready else 503,
        None if ready else {"retry-after": "1"},
    )


def readiness(here: Desk) -> dict[str, Any]:
    """Each check: true, a sentence about what is missing, or null where it does not apply; blocks."""
    state = here.state
    control = state.adoption.current()
    waiting = [s for s in control.routed if (view := state.view(s)) is None or not view.loaded]
    checks: dict[str, Any] = {
        "kafka": state.producer.answers(1.0) or "does not answer",
        "films": state.items_follower.caught_up.is_set() or "being read",
        "popular": state.popular_follower.caught_up.is_set() or "being read",
        "spaces": f"being read: {', '.join(waiting)}" if waiting else True,
        "milvus": None,
    }
    if control.route is not None:
        try:
            state.store.user_of(here.front.champion(), NOBODY)
            checks["milvus"] = True
        except (UnavailableError, CollectionMissingError) as error:
            checks["milvus"] = str(error)
    return checks


@router.get("/metrics", **openapi.METRICS)
async def metrics(request: Request) -> Response:
    """Prometheus metrics; without a key from this machine only."""
    state = desk(request).state
    for space in state.control.state.live:
        view = state.view(space)
        if view is not None:
            _films.labels(space).set(len(view.catalogue))
            _loaded.labels(space).set(view.loaded)
    _behind.set(state.lag.behind)
    _revision.set(state.revision)
    return Response(render(), media_type=CONTENT_TYPE_LATEST)
