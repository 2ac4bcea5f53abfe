"""What should this user see next?"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from streaming.gateway import openapi
from streaming.gateway.answers import Served
from streaming.gateway.intake import now_ms
from streaming.gateway.parse import lookup_query
from streaming.gateway.routes.common import answer, desk, user_id
from streaming.observability import user_hash

router = APIRouter(tags=["recommendations"])


@router.get("/v1/users/{user_id}/recommendations", **openapi.GET_RECOMMENDATIONS)
async def get_recommendations(request: Request) -> Response:
    """``k`` films for the user, never one that he has rated, whenever so many exist.

    Who has liked nothing yet gets what is popular; ``source`` says so. With ``explain`` each film names
    the liked films with the largest shares of its score; with ``rest`` they add up to it.
    """
    here = desk(request)
    user = user_id(request)
    found = await here.blocking(here.front.recommend, user, lookup_query(request.query_params.multi_items()))
    here.intake.served(
        Served(
            recommendation_id=found.recommendation_id,
            user=user_hash(here.state.settings, user),
            space=found.space,
            source=found.source,
            items=tuple(item.item_id for item in found.items),
            at_ms=now_ms(),
            reranked=found.reranked,
        )
    )
    headers = {
        "x-recommendation-id": found.recommendation_id,
        "x-marquee-space": found.space,
        "x-marquee-source": found.source,
        "cache-control": "no-store",
    }
    return answer(found, headers=headers)
