"""What `rollout status`, `history` and `diff` show, as rows. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from deploy.rollout.moves import find
from model_store import Manifest
from streaming.control.documents import SpaceDocument
from streaming.control.presence import Heartbeat
from streaming.control.state import ControlState


class ProcessRow(msgspec.Struct, frozen=True):
    """One process and the revision it runs; ``age_s`` since it was last heard of."""

    role: str
    instance: str
    host: str
    revision: int
    age_s: float
    remark: str


class MoveRow(msgspec.Struct, frozen=True):
    """One line of the history. ``at`` is UTC."""

    revision: int
    at: str
    space: str
    state: str
    percent: float | None
    operator: str
    reason: str


def processes(beats: Mapping[str, Heartbeat], revision: int, now_ms: int | None = None) -> list[ProcessRow]:
    """A row for each process, those that lag behind ``revision`` or are not heard of any more named."""
    now = int(time.time() * 1000) if now_ms is None else now_ms
    rows = []
    for beat in sorted(beats.values(), key=lambda b: b.key):
        remark = ""
        if beat.stale(now):
            remark = "not heard of"
        elif beat.revision < revision:
            remark = f"lags by {revision - beat.revision}"
        age = max(0.0, (now - beat.at_ms) / 1000)
        rows.append(ProcessRow(beat.role, beat.instance, beat.host, beat.revision, round(age, 1), remark))
    return rows


def moves(state: ControlState, space: str | None = None) -> list[MoveRow]:
    """Every move, oldest first. Raises NotFoundError for a space that never was."""
    chosen = list(state.spaces.values()) if space is None else [find(state, space)]
    rows = [
        MoveRow(
            move.revision,
            datetime.fromtimestamp(move.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            one.space,
            move.state,
            move.percent,
            move.operator,
            move.reason,
        )
        for one in chosen
        for move in one.history
    ]
    return sorted(rows, key=lambda row: (row.revision, row.at))


def differences(
    spaces: tuple[SpaceDocument, SpaceDocument], manifests: tuple[Manifest, Manifest]
) -> list[tuple[str, Any, Any]]:
    """(name, first, second) of everything in which two spaces differ."""
    one, other = (_facts(s, m) for s, m in zip(spaces, manifests, strict=True))
    names = dict.fromkeys([*one, *other])
    return [(name, one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)]


def _facts(space: SpaceDocument, manifest: Manifest) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "state": space.state,
        "package": f"{space.package}@{space.version}",
        "digest": manifest.digest[:16],
        "dim": space.dim,
        "generation": space.generation,
    }
    facts |= {f"policy: {name}": value for name, value in msgspec.to_builtins(space.policy).items()}
    facts |= {f"data: {name}": value for name, value in msgspec.to_builtins(manifest.data).items()}
    facts |= {f"parameter: {name}": value for name, value in manifest.parameters.items()}
    return facts | {f"metric: {name}": value for name, value in manifest.metrics.items()}
