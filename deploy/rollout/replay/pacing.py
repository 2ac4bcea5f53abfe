"""When the next visitor comes: each at his own time, whatever became of those before. No clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from deploy.rollout.replay.script import Visit


def paced(
    visits: Iterable[Visit], began: float, clock: Callable[[], float], stopped: Callable[[float], bool]
) -> Iterator[Visit]:
    """Each of ``visits`` when it is due, ``visit.at`` seconds after ``began``.

    Times are absolute: what a visit took is not added to the gaps, so that the rate is kept however busy the
    machine is, and one that is overdue comes at once.

    Args:
        stopped: waits so many seconds; True ends it before the visit that was waited for.
    """
    for visit in visits:
        if stopped(max(0.0, began + visit.at - clock())):
            return
        yield visit
