"""Which of the shipped ratings count: those of a user whom somebody has erased since do not, rightly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from deploy.checks.erased import Barriers
from streaming.partition import partition_of
from streaming.settings import Settings
from trainer.data import Ratings
from trainer.data.splits import take


def cutoffs(settings: Settings) -> Callable[[str], int]:
    """User -> time in ms up to which his ratings do not count, as ``erased.v1`` says; -1 where all do.

    Raises:
        KafkaUnavailableError: Kafka does not answer.
    """
    count = settings.topics.ratings_partitions
    barriers = [Barriers(settings, partition) for partition in range(count)]
    return lambda user_id: barriers[partition_of(user_id, count)].of(user_id)


def counting(ratings: Ratings, cutoff: Callable[[str], int]) -> Ratings:
    """Those of ``ratings`` that are newer than the last erasure of their user. Pure."""
    until = {user_id: cutoff(user_id) for user_id in sorted(set(ratings.user_ids.tolist()))}
    kept = ratings.event_time_ms > np.array([until[user_id] for user_id in ratings.user_ids.tolist()])
    return take(ratings, kept)


def passed_over(ratings: Ratings, counted: Ratings) -> str | None:
    """What does not count, in a line; None where everything does. Pure."""
    gone = sorted(Counter(ratings.user_ids.tolist()) - Counter(counted.user_ids.tolist()))
    if not gone:
        return None
    named = f"{', '.join(gone[:3])}{', ...' if len(gone) > 3 else ''}"
    users = "1 user" if len(gone) == 1 else f"{len(gone):,} users"
    return (
        f"{users} of the shipped data {'was' if len(gone) == 1 else 'were'} erased here ({named}):"
        f" {len(ratings) - len(counted):,} ratings do not count"
    )
