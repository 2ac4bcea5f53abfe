"""Events on ``events.v1``: what became of a recommendation (DESIGN section 3)."""

from __future__ import annotations

from typing import Literal

import msgspec

from streaming.events.exceptions import InvalidEventError
from streaming.events.ratings import DAY_MS, AwareTime, event_time_ms
from streaming.ids import new_id_problem

FeedbackKind = Literal["impression", "click", "like"]


class Feedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A film of an answer was shown, clicked or liked. The key of its record is ``recommendation_id``.

    The same (recommendation, film, kind) counts once, however often it is sent.
    """

    recommendation_id: str
    item_id: str
    kind: FeedbackKind
    event_time: AwareTime | None = None


def check_feedback(event: Feedback, now_ms: int) -> Feedback:
    """The event itself, if it holds.

    Raises:
        InvalidEventError: with the reason and the field.
    """
    for field in ("recommendation_id", "item_id"):
        if problem := new_id_problem(getattr(event, field)):
            raise InvalidEventError(f"{field} {problem}", field)
    if event.event_time is not None and not 0 <= event_time_ms(event.event_time) <= now_ms + DAY_MS:
        raise InvalidEventError("event_time is before 1970 or more than a day ahead", "event_time")
    return event
