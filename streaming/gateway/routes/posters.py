"""Posters in and out. Their bytes go to the blob store, never into an event."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from streaming.blobs import BlobStore
from streaming.gateway import openapi
from streaming.gateway.exceptions import UnknownItemError
from streaming.gateway.routes.common import answer, desk, item_id
from streaming.posters import check_poster, media_type

router = APIRouter(tags=["posters"])


@router.put("/v1/items/{item_id}/poster", **openapi.PUT_POSTER)
async def put_poster(request: Request) -> Response:
    """Store a JPEG, PNG or WebP of at most 5 MB and 25 megapixels, and put its film again with it.

    The bytes are the body, whatever its content-type says. The film is read, changed and put: of two who
    put the same film at the same moment, the later one wins.
    """
    here = desk(request)
    film = item_id(request)
    here.intake.require_items()
    if here.state.items.place(film) is None:
        raise UnknownItemError(f"no film {film!r}; put it before its poster")
    sha = await here.blocking(_store, here.state.blobs, await request.body(), pool=here.state.poster_pool)
    item = await here.blocking(here.state.item_reader.read, film, pool=here.state.slow_pool)
    if item is None:
        raise UnknownItemError(f"no film {film!r}; put it before its poster")
    await here.intake.items([(msgspec.structs.replace(item, poster_sha256=sha), True)], request.headers)
    return answer({"item_id": film, "poster_sha256": sha}, 202)


def _store(blobs: BlobStore, content: bytes) -> str:
    check_poster(content)
    return blobs.put(content)


@router.get("/v1/items/{item_id}/poster", **openapi.GET_POSTER)
async def get_poster(request: Request) -> Response:
    """The poster that was uploaded for a film."""
    here = desk(request)
    here.intake.require_items()
    film = item_id(request)
    place = here.state.items.place(film)
    if place is None:
        raise UnknownItemError(f"no film {film!r}")
    content = None
    if place.poster_sha256:
        sha = place.poster_sha256
        content = await here.blocking(here.state.blobs.get, sha, pool=here.state.slow_pool)
    if content is None:
        raise UnknownItemError(f"film {film!r} has no uploaded poster")
    headers = {
        "etag": f'"{place.poster_sha256}"',
        "x-content-type-options": "nosniff",
        "cache-control": "private, max-age=300",
    }
    return Response(content, media_type=media_type(content), headers=headers)
