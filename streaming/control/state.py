"""What ``control.v1`` says as a whole: one immutable snapshot, folded record by record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from streaming.control.documents import (
    LIVE_STATES,
    ROUTE_KEY,
    SPACE_PREFIX,
    RouteDocument,
    SpaceDocument,
    decode_control,
)


@dataclass(frozen=True)
class ControlState:
    """Spaces and route at one revision (0: nothing was ever written)."""

    revision: int = 0
    nonce: str = ""
    route: RouteDocument | None = None
    spaces: Mapping[str, SpaceDocument] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def live(self) -> dict[str, SpaceDocument]:
        """Spaces that have a worker and are written."""
        return {name: space for name, space in self.spaces.items() if space.state in LIVE_STATES}

    @property
    def routed(self) -> tuple[str, ...]:
        """Spaces that lookups are answered from (champion, canary, shadow), champion first."""
        if self.route is None:
            return ()
        canary = (self.route.canary.space,) if self.route.canary else ()
        shadow = (self.route.shadow,) if self.route.shadow else ()
        return tuple(dict.fromkeys((self.route.champion, *canary, *shadow)))

    def with_document(self, document: SpaceDocument | RouteDocument) -> ControlState:
        """The state after ``document`` was written."""
        change = document.change
        revision, nonce = max((self.revision, self.nonce), (change.revision, change.nonce))
        if isinstance(document, RouteDocument):
            return replace(self, revision=revision, nonce=nonce, route=document)
        spaces = MappingProxyType({**self.spaces, document.space: document})
        return replace(self, revision=revision, nonce=nonce, spaces=spaces)

    def with_record(self, key: str, value: bytes | None) -> ControlState:
        """The state after a record of ``control.v1``; a record without value forgets its document.

        Raises:
            ValueError: if the record is none of ours (msgspec's errors are ValueErrors too).
        """
        if value is not None:
            return self.with_document(decode_control(key, value))
        if key == ROUTE_KEY:
            return replace(self, route=None)
        spaces = {n: s for n, s in self.spaces.items() if n != key.removeprefix(SPACE_PREFIX)}
        return replace(self, spaces=MappingProxyType(spaces))
