"""What the demo measured, what it must be, and whether it is. Pure but for writing the file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deploy.checks.findings import TOLERANCE

FILE = "demo-report.json"
PROBES = 200
RATINGS = 100_836
ITEMS = 9_742


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """``n``, ``p50``, ``p99`` and ``max``, in ms with two decimals."""
    values = np.asarray(milliseconds, dtype=np.float64)
    return {
        "n": len(values),
        "p50": round(float(np.percentile(values, 50)), 2),
        "p99": round(float(np.percentile(values, 99)), 2),
        "max": round(float(values.max()), 2),
    }


@dataclass(frozen=True)
class Condition:
    """One thing that must hold, and whether it does."""

    name: str
    value: object
    wanted: str
    met: bool


@dataclass
class Report:
    """The figures of one run, under the names of demo-report.json."""

    values: dict[str, Any] = field(default_factory=dict)

    def add(self, **values: Any) -> None:
        """Take figures down."""
        self.values.update(values)

    def conditions(self) -> list[Condition]:
        """Everything that must hold; what was never measured does not."""
        value = self.values.get
        probes: Mapping[str, float] = value("rating_to_recommendation_ms") or {}
        error, milliseconds = value("max_relative_error"), value("item_to_recommendation_ms")
        gateway, exact = value("new_item_rank_gateway"), value("new_item_rank_exact")
        taste: Mapping[str, Any] = value("taste") or {}
        rate = value("ledger_events_per_second")
        return [
            Condition(
                "ratings_sent", value("ratings_sent"), f"{RATINGS:,}", value("ratings_sent") == RATINGS
            ),
            _equal("ratings_applied", value("ratings_applied"), RATINGS),
            _equal("items_indexed", value("items_indexed"), ITEMS + 1),
            Condition("profiles_checked", value("profiles_checked"), "> 0", bool(value("profiles_checked"))),
            Condition("max_relative_error", error, "<= 1e-5", error is not None and error <= TOLERANCE),
            _equal("documents_differing", value("documents_differing"), 0),
            _equal("stale", value("stale"), 0),
            _equal("missing", value("missing"), 0),
            _equal("orphans", value("orphans"), 0),
            Condition("probes", probes.get("n"), f">= {PROBES}", probes.get("n", 0) >= PROBES),
            Condition("item_to_recommendation_ms", milliseconds, "measured", milliseconds is not None),
            Condition(
                "new_item_rank_gateway",
                gateway,
                f"{exact}, as computed exactly",
                exact == gateway is not None,
            ),
            Condition("ledger_events_per_second", rate, "> 0", bool(rate)),
            Condition(
                "share of the new taste",
                f"{taste.get('share_before')} -> {taste.get('share_after')}",
                "rises",
                taste.get("share_after", 0.0) > taste.get("share_before", 1.0),
            ),
            _equal("cold user is served", value("cold_user_source"), "popular"),
        ]

    @property
    def met(self) -> bool:
        """Whether all of them hold."""
        return all(condition.met for condition in self.conditions())

    def write(self, home: Path) -> Path:
        """Into ``home``, aside and renamed."""
        path = home / FILE
        conditions = [
            {"name": c.name, "value": c.value, "wanted": c.wanted, "met": c.met} for c in self.conditions()
        ]
        aside = path.with_suffix(".tmp")
        aside.write_text(
            json.dumps(self.values | {"met": self.met, "conditions": conditions}, indent=1) + "\n"
        )
        aside.replace(path)
        return path


def _equal(name: str, value: object, wanted: object) -> Condition:
    return Condition(name, value, str(wanted), value == wanted)
