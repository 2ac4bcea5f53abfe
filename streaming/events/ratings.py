"""Events on ``ratings.v1``: a rating, a take-back, an erase (DESIGN section 3)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from streaming.events.exceptions import InvalidEventError
from streaming.ids import id_problem, new_id_problem

MIN_VALUE, MAX_VALUE = 0.5, 5.0
DAY_MS = 86_400_000

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]


class RatingEvent(msgspec.Struct, frozen=True, gc=False):
    """One record of ``ratings.v1`` as it came in; :func:`check_rating` says whether it holds.

    ``value`` is 0.5 to 5.0, or null to take the rating back (it must be given). With ``erase``
    true the user is forgotten and ``item_id`` and ``value`` are not looked at.
    """

    user_id: str
    event_time: AwareTime
    item_id: str = ""
    value: float | msgspec.UnsetType | None = msgspec.UNSET
    erase: bool = False


def event_time_ms(event_time: datetime) -> int:
    """Milliseconds since 1970, floored. Raises nothing for aware times from year 1 to 9999."""
    # timestamp() is a double: below 2^32 s its error times 1000 stays under half a microsecond
    return int((event_time.timestamp() * 1000 + 5e-4) // 1)


def check_rating(event: RatingEvent, now_ms: int) -> int:
    """The event time in ms of a valid event; ``now_ms`` is when it was appended (or is received).

    Raises:
        InvalidEventError: with the reason, if the event breaks a rule of DESIGN section 1 or 3.
    """
    value = event.value
    # what takes something away may name what was stored before ids were held to more
    wrong = id_problem if event.erase or value is None else new_id_problem
    if problem := wrong(event.user_id):
        raise InvalidEventError(f"user_id {problem}", "user_id")
    at = event_time_ms(event.event_time)
    if at < 0:
        raise InvalidEventError("event_time is before 1970", "event_time")
    if at > now_ms + DAY_MS:
        raise InvalidEventError("event_time is more than a day ahead", "event_time")
    if event.erase:
        return at
    if problem := wrong(event.item_id):
        raise InvalidEventError(f"item_id {problem}", "item_id")
    if value is msgspec.UNSET:
        raise InvalidEventError("value is missing (null takes a rating back)", "value")
    # written so that NaN fails it
    if value is not None and not (MIN_VALUE <= value <= MAX_VALUE):
        raise InvalidEventError(f"value must be from {MIN_VALUE} to {MAX_VALUE}", "value")
    return at
