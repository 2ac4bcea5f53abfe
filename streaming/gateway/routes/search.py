"""Which films are like this text, this poster?"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from streaming.gateway import openapi
from streaming.gateway.exceptions import BadRequestError, TooLargeError
from streaming.gateway.parse_search import FORM_TYPE, search_fields, search_query
from streaming.gateway.query import SearchQuery
from streaming.gateway.routes.common import answer, desk, json_body
from streaming.posters import MAX_POSTER_BYTES, check_poster

router = APIRouter(tags=["search"])


@router.post("/v1/search", **openapi.POST_SEARCH)
async def post_search(request: Request) -> Response:
    """The ``k`` films most like a text, a poster, or both, in the champion's space.

    Send JSON for a text alone, a form (`multipart/form-data`) where there is a poster: JPEG, PNG or WebP of
    at most 5 MB and 25 megapixels.
    """
    here = desk(request)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() == FORM_TYPE:
        query, poster = await _form(request)
    else:
        query, poster = search_query(await json_body(request)), None
    if poster is not None:
        await here.blocking(check_poster, poster, pool=here.state.poster_pool)
    elif not query.text.strip():
        raise BadRequestError("nothing to search for: give a text, a poster, or both", "text")
    # what waits for the encoder must not hold lookups up
    return answer(await here.blocking(here.front.search, query, poster, pool=here.state.slow_pool))


async def _form(request: Request) -> tuple[SearchQuery, bytes | None]:
    """The fields of a form, and its file. Raises BadRequestError, TooLargeError."""
    fields: list[tuple[str, str]] = []
    poster: bytes | None = None
    async with request.form(max_files=1, max_fields=16) as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                fields.append((name, value))
            elif name != "poster":
                raise BadRequestError("the only file of a search is `poster`", "poster")
            else:
                poster = await value.read(MAX_POSTER_BYTES + 1)
    if poster is not None and len(poster) > MAX_POSTER_BYTES:
        raise TooLargeError(f"the poster holds more than {MAX_POSTER_BYTES} bytes")
    return search_fields(fields), poster or None
