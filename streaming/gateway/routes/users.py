"""Everything about one user."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from streaming.documents import MAX_ITEMS
from streaming.gateway import openapi
from streaming.gateway.parse import decode_cursor, optional_int, single
from streaming.gateway.routes.common import answer, desk, user_id

router = APIRouter(tags=["users"])
PARAMETERS = frozenset(("limit", "cursor"))


@router.get("/v1/users/{user_id}", **openapi.GET_USER)
async def get_user(request: Request) -> Response:
    """All current ratings, from the ledger that owns the user; newest first, in pages with ``limit``.

    ``profile.fresh`` says whether his row, by which he is answered, shows exactly these ratings.
    """
    here = desk(request)
    given = single(request.query_params.multi_items(), PARAMETERS)
    limit = optional_int(given, "limit", 1, MAX_ITEMS)
    after = decode_cursor(given["cursor"]) if "cursor" in given else None
    user = user_id(request)
    found = await here.blocking(here.users.get, user, limit, after, pool=here.state.slow_pool)
    return answer(found)
