"""Moving a space's users to a new collection, so that the old files can go (DESIGN section 4, rule 7)."""

from __future__ import annotations

import time

import msgspec

from streaming.control.documents import SpaceDocument
from streaming.milvus.client import MilvusStore
from streaming.milvus.exceptions import MilvusUnavailableError
from streaming.observability.logging import get_logger
from streaming.space.reconciler import Reconciler
from streaming.space.state import SpaceState
from streaming.space.writer import Writer

log = get_logger(__name__)
ADOPTED_S = 10.0
"""How long after a control change every gateway has adopted it, or is not heard of any more."""


def older_collections(space: SpaceDocument) -> list[str]:
    """Names of the user collections of all earlier generations. Pure."""
    return [msgspec.structs.replace(space, generation=g).users_collection for g in range(1, space.generation)]


class Generations:
    """Follows the generation that the space's control document names."""

    def __init__(
        self, state: SpaceState, milvus: MilvusStore, writer: Writer, reconciler: Reconciler
    ) -> None:
        self._state, self._milvus, self._writer, self._reconciler = state, milvus, writer, reconciler
        self._dropped = 1
        self._since = time.monotonic()

    def follow(self, space: SpaceDocument) -> None:
        """Called again and again: fill a new generation's collection, then drop the older ones."""
        if space.generation != self._state.space.generation:
            log.info("users move to a new collection", generation=space.generation)
            self._state.space = space
            self._since = time.monotonic()
            self._writer.recreate()
            return
        if self._dropped == space.generation or time.monotonic() - self._since < ADOPTED_S:
            return
        if self._reconciler.last_clean_ms("users") is None:
            return
        try:
            for collection in older_collections(space):
                self._milvus.drop_collection(collection)
        except MilvusUnavailableError as error:
            log.warning("older user collections are still there", error=str(error))
            self._since = time.monotonic()
        else:
            self._dropped = space.generation
            log.info("older user collections are gone", generation=space.generation)
