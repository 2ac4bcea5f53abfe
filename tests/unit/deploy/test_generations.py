"""When a user collection must be rebuilt for erased users to leave its files in time."""

from __future__ import annotations

import msgspec
import pytest

from deploy.generations import DAY_MS, OVERLAP_MS, SPARE_DAYS, is_due, oldest_outstanding
from streaming.control.documents import Change, Move, SpaceDocument

BORN = 100 * DAY_MS
CHANGE = Change(revision=1, nonce="n", operator="ann", reason="test", at_ms=BORN)
SPACE = SpaceDocument(
    space="p-1-mean-aaaaaa", package="p", version="1", dim=4, history=(Move("created", BORN),), change=CHANGE
)


@pytest.mark.parametrize(
    ("erasures", "oldest"),
    [
        ([], None),
        ([BORN - OVERLAP_MS - 1], None),
        ([BORN - OVERLAP_MS + 1], BORN - OVERLAP_MS + 1),
        ([BORN + 5, BORN + 3, BORN - DAY_MS], BORN + 3),
    ],
)
def test_only_erasures_of_this_generations_time_are_outstanding(
    erasures: list[int], oldest: int | None
) -> None:
    assert oldest_outstanding(SPACE, erasures) == oldest
    later = BORN + 50 * DAY_MS
    newer = msgspec.structs.replace(SPACE, generation=2, generation_at_ms=later)
    assert oldest_outstanding(newer, erasures) is None
    assert oldest_outstanding(newer, [*erasures, later + 1]) == later + 1


@pytest.mark.parametrize(
    ("age_days", "deadline_days", "due"),
    [
        (14 - SPARE_DAYS - 0.01, 14, False),
        (14 - SPARE_DAYS, 14, True),
        (40, 14, True),
        (0, 1, True),  # a deadline shorter than what is spared: at once
    ],
)
def test_a_rebuild_begins_in_time_before_the_deadline(
    age_days: float, deadline_days: float, due: bool
) -> None:
    assert is_due(BORN, BORN + int(age_days * DAY_MS), deadline_days) is due
    assert not is_due(None, BORN + int(age_days * DAY_MS), deadline_days)
