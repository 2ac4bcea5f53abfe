"""What became of recommendations: impressions, clicks and likes in."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from streaming.gateway import openapi
from streaming.gateway.intake import now_ms
from streaming.gateway.parse import checked_rows, feedback_of, rows_of
from streaming.gateway.routes.common import desk, json_body, taken

router = APIRouter(tags=["events"])


@router.post("/v1/events", **openapi.POST_EVENTS)
async def post_events(request: Request) -> Response:
    """Take one event, or up to 1,000, about answers by their ``recommendation_id``.

    Sending an event again is harmless: it counts once. In a bulk the good rows are taken and the answer
    says what is wrong with the others.
    """
    rows, bulk = rows_of(await json_body(request), "events")
    at = now_ms()
    checked = checked_rows(rows, bulk, lambda row: feedback_of(row, at))
    return taken(await desk(request).intake.feedback(checked, request.headers))
