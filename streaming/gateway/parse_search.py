"""Searches to values: a JSON body, or the fields of a form. Pure; raises for what does not hold."""

from __future__ import annotations

from typing import Any

import msgspec

from streaming.events.wording import decoding_problem
from streaming.gateway.exceptions import BadRequestError
from streaming.gateway.parse import MAX_K, Parameters, count, optional_int, single
from streaming.gateway.query import SearchQuery

FORM_TYPE = "multipart/form-data"
FIELDS = frozenset(SearchQuery.__struct_fields__)
MAX_TEXT = 2_000
"""Characters; an encoder reads some hundred words."""

_decoder = msgspec.json.Decoder(SearchQuery)


def search_query(body: bytes) -> SearchQuery:
    """The search in a JSON body. Raises BadRequestError."""
    try:
        query = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason, field = decoding_problem(error, SearchQuery)
        raise BadRequestError(reason if field else f"cannot be decoded: it {reason}", field) from None
    return _checked(query)


def search_fields(fields: Parameters) -> SearchQuery:
    """The search in the fields of a form. Raises BadRequestError."""
    given = single(fields, FIELDS)
    found: dict[str, Any] = {name: given[name] for name in ("text", "genre") if name in given}
    for name in ("year_from", "year_to"):
        found[name] = optional_int(given, name, -9_999, 9_999)
    return _checked(SearchQuery(k=count(given), **found))


def _checked(query: SearchQuery) -> SearchQuery:
    if not 1 <= query.k <= MAX_K:
        raise BadRequestError(f"k must be a whole number from 1 to {MAX_K}", "k")
    if len(query.text) > MAX_TEXT:
        raise BadRequestError(f"text holds more than {MAX_TEXT} characters", "text")
    for name in ("year_from", "year_to"):
        year = getattr(query, name)
        if year is not None and not -9_999 <= year <= 9_999:
            raise BadRequestError(f"{name} must be a whole number from -9999 to 9999", name)
    if query.year_from is not None and query.year_to is not None and query.year_from > query.year_to:
        raise BadRequestError("year_from is after year_to", "year_from")
    return query
