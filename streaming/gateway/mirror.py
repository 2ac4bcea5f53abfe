"""Lookups asked of the shadow space too, behind the user's back: never in the way of his answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue

from streaming.control.documents import SpaceDocument
from streaming.exceptions import MarqueeError
from streaming.gateway import figures
from streaming.gateway.adoption import Adoption
from streaming.gateway.answers import Recommendations
from streaming.gateway.query import Query
from streaming.observability.logging import get_logger

WAITING = 64
"""Lookups that may wait to be mirrored; more are dropped and counted."""
POLL_S = 0.2

_log = get_logger("gateway.mirror")
Answer = Callable[[SpaceDocument, str, Query], Recommendations]


@dataclass(frozen=True)
class _Mirrored:
    space: str
    user_id: str
    query: Query
    seconds: float
    found: Recommendations


class Mirror:
    """One thread asks one lookup at a time, so that a shadow costs the machine no more than that.

    Args:
        answer: a lookup in a space.
    """

    def __init__(self, adoption: Adoption, answer: Answer) -> None:
        self._adoption, self._answer = adoption, answer
        self._waiting: Queue[_Mirrored] = Queue(WAITING)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
        self._thread.start()

    def offer(self, space: str, user_id: str, query: Query, seconds: float, found: Recommendations) -> None:
        """Mirror this lookup if there is room; returns at once.

        Args:
            seconds: what the user's own answer took.
        """
        try:
            self._waiting.put_nowait(_Mirrored(space, user_id, query, seconds, found))
        except Full:
            figures.dropped(space)

    def stop(self) -> None:
        """End the thread; what waits is forgotten."""
        self._stopped.set()
        self._thread.join(0.3)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._ask(self._waiting.get(timeout=POLL_S))
            except Empty:
                continue
            except Exception as error:  # whatever a shadow does, the next lookup is mirrored too
                _log.error("mirroring failed unexpectedly", error=repr(error))

    def _ask(self, mirrored: _Mirrored) -> None:
        with self._adoption.using() as control:
            document = control.spaces.get(mirrored.space)
            if document is None or control.route is None or control.route.shadow != mirrored.space:
                return
            # reasons cost time and say nothing about which films come
            query = replace(mirrored.query, explain=False)
            began = time.perf_counter()
            try:
                shadow = self._answer(document, mirrored.user_id, query)
            except MarqueeError as error:
                _log.warning("the shadow did not answer", space=mirrored.space, error=str(error))
                figures.failed(mirrored.space, "shadow")
                return
            except Exception:
                figures.failed(mirrored.space, "shadow")
                raise
        seconds = time.perf_counter() - began
        found = mirrored.found
        figures.answered(mirrored.space, "shadow", shadow.source, seconds, len(shadow.items))
        figures.compared(
            mirrored.space,
            figures.overlap(_ids(found), _ids(shadow)),
            seconds / max(mirrored.seconds, figures.LEAST_S),
            (found.source, shadow.source) == ("profile", "popular"),
        )


def _ids(found: Recommendations) -> frozenset[str]:
    return frozenset(item.item_id for item in found.items)
