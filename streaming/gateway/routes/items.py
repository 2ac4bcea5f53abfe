"""Films in, out and shown."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from streaming.exceptions import UnavailableError
from streaming.gateway import openapi
from streaming.gateway.exceptions import UnknownItemError
from streaming.gateway.intake import Taken
from streaming.gateway.parse import checked_rows, count, item_of, rows_of, single
from streaming.gateway.routes.common import Desk, answer, desk, item_id, json_body, taken

router = APIRouter(tags=["items"])


@router.get("/v1/items/{item_id}", **openapi.GET_ITEM)
async def get_item(request: Request) -> Response:
    """A film as it was last put; ``indexed`` once it has a vector in the champion's space."""
    here = desk(request)
    return answer(await here.blocking(_item, here, item_id(request), pool=here.state.slow_pool))


def _item(here: Desk, found_id: str) -> dict[str, Any]:
    here.intake.require_items()
    item = here.state.item_reader.read(found_id)
    if item is None:
        raise UnknownItemError(f"no film {found_id!r}")
    body: dict[str, Any] = msgspec.to_builtins(item)
    body |= {"indexed": False, "space": None, "likes": 0}
    try:
        space = here.front.champion()
    except UnavailableError:
        return body
    view = here.state.view(space.space)
    body["indexed"] = view is not None and view.catalogue.film(found_id) is not None
    body["space"] = space.space
    body["likes"] = here.state.popular.likes(space.policy.like_threshold, found_id)
    return body


@router.get("/v1/items/{item_id}/similar", **openapi.GET_SIMILAR)
async def get_similar(request: Request) -> Response:
    """The ``k`` films of largest inner product with this one, in the champion's space."""
    here = desk(request)
    given = single(request.query_params.multi_items(), frozenset("k"))
    return answer(await here.blocking(here.front.similar, item_id(request), count(given)))


@router.get("/v1/genres", **openapi.GET_GENRES)
async def get_genres(request: Request) -> Response:
    """Every genre that a film in the champion's space has, and how many have it: what `genre` may be."""
    single(request.query_params.multi_items(), frozenset())
    here = desk(request)
    return answer({"genres": await here.blocking(here.front.genres)})


@router.put("/v1/items/{item_id}", **openapi.PUT_ITEM)
async def put_item(request: Request) -> Response:
    """Put a film as it is to be from now on; its uploaded poster stays unless the body names one."""
    row = item_of(await json_body(request), item_id(request))
    return taken(await desk(request).intake.items([row], request.headers))


@router.post("/v1/items:bulk", **openapi.POST_ITEMS)
async def post_items(request: Request) -> Response:
    """Put up to 1,000 films; the good rows are taken and the answer says what is wrong with the others."""
    rows, bulk = rows_of(await json_body(request), "items")
    checked = checked_rows(rows, bulk, item_of)
    return taken(await desk(request).intake.items(checked, request.headers))


@router.delete("/v1/items/{item_id}", **openapi.DELETE_ITEM)
async def delete_item(request: Request) -> Response:
    """Remove a film: it is recommended no more and leaves the profiles of those who liked it."""
    single(request.query_params.multi_items(), frozenset())
    await desk(request).intake.remove_item(item_id(request), request.headers)
    return taken(Taken(1))
