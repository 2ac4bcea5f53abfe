"""The supervisor's eye on erasures: user collections are rebuilt before their deadline (rule 7)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from deploy.generations import due_spaces, raise_generation
from streaming.control.documents import SpaceDocument
from streaming.exceptions import MarqueeError
from streaming.observability.logging import get_logger
from streaming.settings import Settings

CHECK_S = 600.0
OPERATOR = "supervisor"

log = get_logger(__name__)


class ErasureDeadlines:
    """Looks every ten minutes, from a thread of its own, whether a live space is due.

    Args:
        live: the live spaces; None while they are not known or their Milvus is not kept here.
    """

    def __init__(self, settings: Settings, live: Callable[[], Mapping[str, SpaceDocument] | None]) -> None:
        self._settings, self._live = settings, live
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="erasures", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()

    def _run(self) -> None:
        pause = 1.0
        while not self._stop.wait(pause):
            live = self._live()
            if live is None:
                continue
            pause = CHECK_S
            try:
                self.look(live)
            except MarqueeError as error:
                log.warning("erasures could not be looked at", error=str(error))
                pause = 30.0

    def look(self, live: Mapping[str, SpaceDocument]) -> None:
        """Begin the rebuilds that are due. Raises MarqueeError."""
        for space in due_spaces(self._settings, live.values()):
            raised = raise_generation(self._settings, space, OPERATOR, "erased users leave the files in time")
            log.info("users move to a new collection", space=space, generation=raised.generation)
