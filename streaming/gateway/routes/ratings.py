"""Ratings in: one, many, taken back, and a user erased."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from streaming.events import RatingEvent, check_rating
from streaming.gateway import openapi
from streaming.gateway.exceptions import NotReadyError
from streaming.gateway.intake import now_ms
from streaming.gateway.parse import checked_rows, rating_of, rows_of
from streaming.gateway.routes.common import desk, event_time, item_id, json_body, taken, user_id

router = APIRouter(tags=["ratings"])


@router.post("/v1/ratings", **openapi.POST_RATINGS)
async def post_ratings(request: Request) -> Response:
    """Take one rating, or up to 1,000; answered once Kafka has stored them on all in-sync replicas.

    In a bulk the good rows are taken and the answer says what is wrong with the others; 400 if none is good.
    """
    rows, bulk = rows_of(await json_body(request), "ratings")
    at = now_ms()
    checked = checked_rows(rows, bulk, lambda row: rating_of(row, at))
    return taken(await desk(request).intake.ratings(checked, request.headers))


@router.delete("/v1/users/{user_id}/ratings/{item_id}", **openapi.DELETE_RATING)
async def delete_rating(request: Request) -> Response:
    """Take a rating back, as of ``event_time`` (now unless given); one that is not there is no error."""
    event = RatingEvent(user_id(request), _at(request), item_id(request), None)
    check_rating(event, now_ms())
    return taken(await desk(request).intake.ratings([event], request.headers))


@router.delete("/v1/users/{user_id}", **openapi.DELETE_USER)
async def delete_user(request: Request) -> Response:
    """Erase a user: his ratings, profile and counts; late ratings of his are kept out."""
    if not desk(request).state.settings.erasure.key.get_secret_value():
        raise NotReadyError("erasure.key is not set: nobody could be kept out")
    event = RatingEvent(user_id(request), _at(request), erase=True)
    check_rating(event, now_ms())
    return taken(await desk(request).intake.ratings([event], request.headers))


def _at(request: Request) -> datetime:
    return event_time(request) or datetime.fromtimestamp(now_ms() / 1000, UTC)
