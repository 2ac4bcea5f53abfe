"""Films by what a searcher says of them: text, a poster, or both, through the champion's own encoder."""

from __future__ import annotations

import threading

import msgspec
import numpy as np

from streaming.control.documents import SpaceDocument
from streaming.encoder import EncoderClient, EncoderUnavailableError, ModelNotFoundError
from streaming.events import Item
from streaming.gateway.answers import Found
from streaming.gateway.catalogue import Vectors
from streaming.gateway.exceptions import BadRequestError
from streaming.gateway.lookup import Lookup
from streaming.gateway.query import SearchQuery
from streaming.settings import Settings

TITLE = 100
"""Characters up to which a text is taken for something like a title, which the encoder reads first."""


class Search:
    """Answers searches in one space at a time; blocks, threads may share it."""

    def __init__(self, settings: Settings, lookup: Lookup) -> None:
        # nobody waits for a search as long as an indexer waits for its films
        seconds = min(settings.gateway.search_timeout_s, settings.torchserve.timeout_s)
        serve = settings.torchserve.model_copy(update={"timeout_s": seconds})
        self._settings = settings.model_copy(update={"torchserve": serve})
        self._lookup = lookup
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], EncoderClient] = {}

    def find(self, space: SpaceDocument, query: SearchQuery, poster: bytes | None = None) -> Found:
        """The ``query.k`` films of ``space`` that are most like what was asked for.

        Raises:
            BadRequestError: if the encoder can make nothing of it, or no film has the genre.
            UnavailableError: if TorchServe does not answer in time, or not with this version.
        """
        query = msgspec.structs.replace(query, genre=self._lookup.spelled(space, query.wanted).genre)
        vector, reads_posters = self._encoded(space, query.text.strip(), poster)
        found = self._lookup.find(space, vector, query)
        passed_over = poster is not None and reads_posters is False
        return msgspec.structs.replace(found, poster_passed_over=passed_over)

    def _encoded(self, space: SpaceDocument, text: str, poster: bytes | None) -> tuple[Vectors, bool | None]:
        """The vector, and whether the encoder reads posters (None: it does not say)."""
        item = Item("", text) if len(text) <= TITLE else Item("", "", text=text)
        try:
            (encoded,) = self._client(space).encode([item], [poster], queries=True)
        except ModelNotFoundError as error:
            # it is registered again as soon as the supervisor sees it
            raise EncoderUnavailableError(str(error)) from None
        if encoded.vector is None:
            field = "text" if text else "poster"
            raise BadRequestError(f"the encoder can make nothing of this: {encoded.error}", field)
        if len(encoded.vector) != space.dim:
            raise EncoderUnavailableError(
                f"{space.package}@{space.version} answers {len(encoded.vector)} dimensions, not {space.dim}"
            )
        if not np.any(encoded.vector):
            raise BadRequestError("the encoder sees nothing in this")
        return encoded.vector, encoded.reads_posters

    def _client(self, space: SpaceDocument) -> EncoderClient:
        key = space.package, space.version
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = EncoderClient(self._settings, space.version, space.package)
            return client

    def close(self) -> None:
        """Give the connections back."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()
