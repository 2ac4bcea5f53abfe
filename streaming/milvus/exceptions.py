"""What can go wrong between Marquee and Milvus."""

from __future__ import annotations

from streaming.exceptions import MarqueeError, NotFoundError, UnavailableError


class MilvusUnavailableError(UnavailableError):
    """Milvus does not answer, or answers that it cannot now; asking again later may help."""


class CollectionMissingError(NotFoundError):
    """A collection that a space owns does not exist (Milvus's data may have been wiped)."""


class RowRefusedError(MarqueeError):
    """A row breaks a limit that a Milvus cluster holds (Lite would store it)."""
