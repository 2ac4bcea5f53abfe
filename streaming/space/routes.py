"""What a space worker tells and takes over its internal endpoint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from streaming.internal import Reply, Routes
from streaming.observability.metrics import render
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.space.indexer import Indexer
from streaming.space.lag import Lag
from streaming.space.projector import Projector
from streaming.space.reconciler import Reconciler
from streaming.space.state import KINDS, Kind, SpaceState
from streaming.space.writer import Writer


class ReconcileRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Rows to be written anew, or everything to be compared. Ids of other owners are answered back."""

    users: list[str] = []
    items: list[str] = []
    all: bool = False


class Endpoint:
    """``GET /status``, ``GET /passes``, ``GET /metrics``, ``POST /reconcile``."""

    def __init__(self, settings: Settings, state: SpaceState, reconciler: Reconciler, instance: str) -> None:
        self._state, self._reconciler, self._instance = state, reconciler, instance
        self._counts: dict[Kind, int] = {
            "users": settings.topics.ratings_partitions,
            "items": settings.topics.items_partitions,
        }
        self.projector: Projector | None = None
        self.indexer: Indexer | None = None
        self.writer: Writer | None = None
        self.lag: Lag | None = None

    def routes(self) -> Routes:
        """For the internal server."""
        return {
            ("GET", "/status"): lambda _tail, _query, _body: (200, self.status()),
            ("GET", "/passes"): lambda _tail, _query, _body: (200, self.passes()),
            ("GET", "/metrics"): lambda _tail, _query, _body: (200, render()),
            ("POST", "/reconcile"): lambda _tail, _query, body: self.reconcile(body),
        }

    def status(self) -> dict[str, Any]:
        """Everything an operator asks of a worker."""
        state = self._state
        return {
            "role": "space",
            "space": state.space.space,
            "instance": self._instance,
            "generation": state.space.generation,
            "vectors": {"loaded": state.vectors_loaded, "items": state.matrix.count},
            "users": self.projector.status() if self.projector else {},
            "indexer": self.indexer.status() if self.indexer else {},
            "dirty": {
                kind: {
                    "live": len(state.dirty[kind].live),
                    "behind": len(state.dirty[kind].behind),
                    "flying": len(state.dirty[kind].flying),
                }
                for kind in KINDS
            },
            "milvus": self.writer.problem if self.writer else None,
            "last_clean_ms": {kind: self._reconciler.last_clean_ms(kind) for kind in KINDS},
            "passes": self.passes(),
            "lag": self.lag.now() if self.lag else {},
        }

    def passes(self) -> dict[str, Any]:
        """The reconciler: whole passes begun on request and finished, and what it found so far."""
        reconciler = self._reconciler
        return {
            "begun": reconciler.passes_begun,
            "finished": reconciler.passes_finished,
            "seconds": reconciler.pass_seconds,
            "repaired": dict(reconciler.repaired),
            "orphans": dict(reconciler.orphans),
            "last_clean_ms": {kind: reconciler.last_clean_ms(kind) for kind in KINDS},
        }

    def reconcile(self, body: bytes) -> Reply:
        """202 with the number of the pass (``all``), what was marked, and which ids are not ours."""
        try:
            request = msgspec.json.decode(body or b"{}", type=ReconcileRequest)
        except msgspec.MsgspecError as error:
            return 400, {"error": str(error)}
        foreign = {"users": self._mark("users", request.users), "items": self._mark("items", request.items)}
        number = self._reconciler.start_over() if request.all else None
        return 202, {"pass": number, "not_owned": foreign, "partitions": self._owned()}

    def _owned(self) -> dict[str, list[int]]:
        return {kind: self._state.owned(kind) for kind in KINDS}

    def _mark(self, kind: Kind, ids: Iterable[str]) -> list[str]:
        owned, foreign = set(self._state.owned(kind)), []
        for row_id in ids:
            part = partition_of(row_id, self._counts[kind])
            if part in owned:
                self._state.mark(kind, part, [row_id], live=True)
            else:
                foreign.append(row_id)
        return foreign
