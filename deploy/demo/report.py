"""What the demo measured, what it must be, and whether it is: ``demo-report.json``. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deploy.checks.findings import TOLERANCE
from deploy.demo.conditions import Condition, Figures, equal

PROBES = 200
SEARCHES = 100
LEAST_FOUND = 10
"""Of so many searches; answering all of them by the most liked films would find one."""
MAX_K = 500
"""Films that a gateway answers with at most."""
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


def _share(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.0%}"


class Report(Figures):
    """Of ``make demo``."""

    FILE = "demo-report.json"

    def conditions(self) -> list[Condition]:
        """Everything that must hold; what was never measured does not."""
        value = self.values.get
        probes: Mapping[str, float] = value("rating_to_recommendation_ms") or {}
        error, milliseconds = value("max_relative_error"), value("item_to_recommendation_ms")
        gateway, exact = value("new_item_rank_gateway"), value("new_item_rank_exact")
        taste: Mapping[str, Any] = value("taste") or {}
        rate = value("ledger_events_per_second")
        engine, best = value("engine"), value("engine_measured_best")
        return [
            Condition(
                "engine that reads films",
                engine,
                f"{best}, measured best here" if best else "any: none was measured here",
                engine is not None and engine == (best or engine),
            ),
            equal("ratings acknowledged by Kafka", value("ratings_sent"), RATINGS),
            # what an erased user once rated must not count
            equal(
                "ratings found in user documents",
                value("ratings_applied"),
                RATINGS - (value("ratings_erased") or 0),
            ),
            equal("films with a vector, the new one too", value("items_indexed"), ITEMS + 1),
            Condition(
                "profiles recomputed", value("profiles_checked"), "> 0", bool(value("profiles_checked"))
            ),
            Condition(
                "largest relative error of a profile",
                error,
                "<= 1e-05",
                error is not None and error <= TOLERANCE,
            ),
            equal("user documents that differ", value("documents_differing"), 0),
            equal("rows out of date", value("stale"), 0),
            equal("rows missing", value("missing"), 0),
            equal("rows of nobody", value("orphans"), 0),
            Condition(
                "ratings whose effect was timed",
                probes.get("n"),
                f">= {PROBES}",
                probes.get("n", 0) >= PROBES,
            ),
            Condition("new film to findable, ms", milliseconds, "measured", milliseconds is not None),
            Condition(
                "the new film's place in an answer",
                gateway,
                "not computed" if exact is None else f"{exact:,}, as computed exactly",
                exact is not None and (gateway == exact or (gateway is None and exact > MAX_K)),
            ),
            Condition("ratings a second through Kafka and ledger", rate, "> 0", bool(rate)),
            Condition(
                "share of the new taste",
                " -> ".join(_share(taste.get(name)) for name in ("share_before", "share_after")),
                "rises",
                taste.get("share_after", 0.0) > taste.get("share_before", 1.0),
            ),
            Condition(
                "films found by the ends of their texts",
                value("searches_found"),
                f">= {LEAST_FOUND} of {SEARCHES}",
                value("searches") == SEARCHES and (value("searches_found") or 0) >= LEAST_FOUND,
            ),
            equal("cold user is served", value("cold_user_source"), "popular"),
        ]
