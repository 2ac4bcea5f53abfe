"""Requests to values: ids, query parameters, rows of bodies. Pure; raises for what does not hold."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from streaming.events import InvalidEventError, Item, RatingEvent, check_item, check_rating
from streaming.events.codec import checked
from streaming.events.feedback import Feedback, check_feedback
from streaming.events.ratings import AwareTime
from streaming.events.wording import decoding_problem
from streaming.gateway.exceptions import BadRequestError, NothingTakenError, UnsupportedMediaError
from streaming.gateway.films import ItemFilter
from streaming.gateway.paths import segment_id
from streaming.gateway.query import Query
from streaming.ids import id_problem

MAX_K = 1_000
MAX_EXCLUDED = 1_000
MAX_ROWS = 1_000
LOOKUP_PARAMETERS = frozenset(("k", "genre", "year_from", "year_to", "exclude", "diversity", "explain"))

Parameters = Sequence[tuple[str, str]]
T = TypeVar("T")


class RatingBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rating as services send it over HTTP; ``event_time`` is now where it is left out."""

    user_id: str
    item_id: str
    value: float | None
    event_time: AwareTime | None = None


class ItemBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A film as services send it over HTTP; left out, ``poster_sha256`` keeps the poster put before."""

    title: str
    item_id: str | None = None
    year: int | None = None
    genres: tuple[str, ...] = ()
    text: str = ""
    directors: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    poster_url: str = ""
    poster_sha256: str | None = None


_rating = msgspec.json.Decoder(RatingBody)
_item = msgspec.json.Decoder(ItemBody)
_feedback = msgspec.json.Decoder(Feedback)
_rows = msgspec.json.Decoder(list[msgspec.Raw])
_envelope = msgspec.json.Decoder(dict[str, msgspec.Raw])


def path_id(value: str, field: str) -> str:
    """The id in a path segment. Raises BadRequestError if it is none."""
    return checked_id(segment_id(value), field)


def checked_id(value: str, field: str) -> str:
    """``value`` itself. Raises BadRequestError if it is no id."""
    if reason := id_problem(value):
        raise BadRequestError(f"{field} {reason}", field)
    return value


def lookup_query(parameters: Parameters) -> Query:
    """What a caller of recommendations asks for.

    Raises:
        BadRequestError: naming the parameter.
    """
    given = single(parameters, LOOKUP_PARAMETERS, repeatable=("exclude",))
    low, high = (optional_int(given, name, -9_999, 9_999) for name in ("year_from", "year_to"))
    if low is not None and high is not None and low > high:
        raise BadRequestError("year_from is after year_to", "year_from")
    exclude = [value for name, value in parameters if name == "exclude"]
    if len(exclude) > MAX_EXCLUDED:
        raise BadRequestError(f"exclude is given more than {MAX_EXCLUDED} times", "exclude")
    return Query(
        k=count(given),
        wanted=ItemFilter(given.get("genre"), low, high),
        exclude=frozenset(checked_id(value, "exclude") for value in exclude),
        diversity=_share(given, "diversity"),
        explain=_flag(given, "explain"),
    )


def count(given: dict[str, str], name: str = "k", default: int = 10, most: int = MAX_K) -> int:
    """A whole number from 1 to ``most``. Raises BadRequestError."""
    found = optional_int(given, name, 1, most)
    return default if found is None else found


def single(parameters: Parameters, known: frozenset[str], repeatable: Sequence[str] = ()) -> dict[str, str]:
    """Parameters that may be given once each. Raises BadRequestError for others, and for repetitions."""
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in known:
            raise BadRequestError(
                f"unknown parameter {name[:100]!r}; known are {', '.join(sorted(known))}", name
            )
        if name in repeatable:
            continue
        if name in given:
            raise BadRequestError(f"{name} is given twice", name)
        given[name] = value
    return given


def optional_int(given: dict[str, str], name: str, low: int, high: int) -> int | None:
    """A whole number in [low, high], None where it is not given. Raises BadRequestError."""
    text = given.get(name)
    if text is None:
        return None
    digits = text.removeprefix("-")
    if len(text) <= 10 and digits.isascii() and digits.isdigit() and low <= int(text) <= high:
        return int(text)
    raise BadRequestError(f"{name} must be a whole number from {low} to {high}", name)


def _share(given: dict[str, str], name: str) -> float:
    try:
        value = float(given.get(name, "0"))
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise BadRequestError(f"{name} must be a number from 0 to 1", name)
    return value


def _flag(given: dict[str, str], name: str) -> bool:
    text = given.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise BadRequestError(f"{name} must be true or false", name)
    return text in ("true", "1")


def require_json(content_type: str) -> None:
    """Raises UnsupportedMediaError for a body that says it is something else than JSON."""
    kind = content_type.split(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaError(f"the body is {kind[:100]!r}; send application/json")


def rows_of(body: bytes, name: str) -> tuple[list[msgspec.Raw], bool]:
    """The rows of a body (one object, an array, or ``{name: [...]}``), and whether it is a bulk.

    Raises:
        BadRequestError: if the body is none of these, or has no row or more than 1,000.
    """
    try:
        start = body.lstrip()[:1]
        if start != b"[":
            envelope = _envelope.decode(body)
            if name not in envelope:
                return [msgspec.Raw(body)], False
            if len(envelope) > 1:
                raise BadRequestError(f"beside {name!r} nothing may be given")
            body = bytes(envelope[name])
        rows = _rows.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason, _ = decoding_problem(error)
        raise BadRequestError(f"cannot be decoded: it {reason}") from None
    if not 1 <= len(rows) <= MAX_ROWS:
        raise BadRequestError(f"a bulk has 1 to {MAX_ROWS} rows, this one {len(rows)}", name)
    return rows, True


def checked_rows(
    rows: Sequence[msgspec.Raw], bulk: bool, check: Callable[[msgspec.Raw], T]
) -> list[T | InvalidEventError]:
    """What ``check`` makes of each row, or why it does not hold.

    Raises:
        InvalidEventError: if the only row, sent by itself, does not hold.
        NothingTakenError: if no row of a bulk does.
    """
    found: list[T | InvalidEventError] = []
    bad: list[InvalidEventError] = []
    for row in rows:
        try:
            found.append(check(row))
        except InvalidEventError as error:
            if not bulk:
                raise
            found.append(error)
            bad.append(error)
    if len(bad) == len(rows):
        raise NothingTakenError(bad)
    return found


def rating_of(row: bytes | msgspec.Raw, now_ms: int) -> RatingEvent:
    """The checked rating in a row.

    Raises:
        InvalidEventError: with the reason and, where there is one, the field.
    """
    body = checked(_rating, bytes(row))
    at = body.event_time or datetime.fromtimestamp(now_ms / 1000, UTC)
    event = RatingEvent(body.user_id, at, body.item_id, body.value)
    check_rating(event, now_ms)
    return event


def feedback_of(row: bytes | msgspec.Raw, now_ms: int) -> Feedback:
    """The checked event about an answer in a row; its time is now where it is left out.

    Raises:
        InvalidEventError: with the reason and, where there is one, the field.
    """
    event = checked(_feedback, bytes(row))
    if event.event_time is None:
        event = msgspec.structs.replace(event, event_time=datetime.fromtimestamp(now_ms / 1000, UTC))
    return check_feedback(event, now_ms)


def item_of(row: bytes | msgspec.Raw, item_id: str | None = None) -> tuple[Item, bool]:
    """The checked film in a row or body, and whether it says anything of its poster's digest.

    Args:
        item_id: the id in the path, which the body may repeat; without one the body must have it.

    Raises:
        InvalidEventError: with the reason and, where there is one, the field.
    """
    body = checked(_item, bytes(row))
    if item_id is not None and body.item_id not in (None, item_id):
        raise InvalidEventError("item_id is not the one in the path", "item_id")
    found = item_id if item_id is not None else body.item_id
    if found is None:
        raise InvalidEventError("item_id is missing", "item_id")
    fields = {name: getattr(body, name) for name in ItemBody.__struct_fields__}
    fields |= {"item_id": found, "poster_sha256": body.poster_sha256 or ""}
    return check_item(Item(**fields)), body.poster_sha256 is not None


def encode_cursor(at_ms: int, item_id: str) -> str:
    """Where the next page of ratings begins: after this one."""
    return base64.urlsafe_b64encode(msgspec.json.encode((at_ms, item_id))).decode().rstrip("=")


_cursor = msgspec.json.Decoder(tuple[int, str])


def decode_cursor(text: str) -> tuple[int, str]:
    """(event time in ms, item id) of the last rating of the page before. Raises BadRequestError."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return _cursor.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, msgspec.MsgspecError):
        raise BadRequestError("the cursor is none that an answer has given", "cursor") from None
