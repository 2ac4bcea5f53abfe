"""The endpoints for people."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from streaming.gateway.page import HEADERS, page
from streaming.gateway.routes.common import desk

router = APIRouter()


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """``/openapi.json`` as a page; it says no more than that, so it asks for no key either."""
    html = page(request.app.openapi(), desk(request).state.settings.gateway.url)
    return Response(html, headers=HEADERS, media_type="text/html")
