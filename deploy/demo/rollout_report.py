"""The figures of ``make rollout-demo`` and what of them must hold: ``rollout-report.json``."""

from __future__ import annotations

from typing import Any

from deploy.checks.findings import TOLERANCE
from deploy.demo.conditions import Condition, Figures, equal

STATES = (
    *("created", "backfilling", "ready", "shadow", "canary"),
    *("champion", "standby", "retired"),
)
"""Of the new space, in this order."""
GATES = {
    "verify": ("passed", "open"),
    "evaluate": ("passed", "open"),
    "shadow": ("passed",),
    "canary": ("passed",),
}
"""Verdicts that will do: a busy machine may leave `verify` undecided, and so few visitors `evaluate`."""
SEEN = {"promote_ms": "promotion seen, ms", "rollback_ms": "rollback seen, ms"}
LOOKUPS, JUDGED = 500, 100


class RolloutReport(Figures):
    """Of ``make rollout-demo``."""

    FILE = "rollout-report.json"

    def conditions(self) -> list[Condition]:
        """Everything that must hold; what was never measured does not."""
        value = self.values.get
        gates: dict[str, Any] = value("gates") or {}
        states: list[str] = value("states") or []
        error, lookups, judged = value("profiles_max_relative_error"), value("lookups"), value("judged")
        return [
            Condition("states of the new space", " ".join(states), " ".join(STATES), tuple(states) == STATES),
            *(
                Condition(f"gate {name}", verdict := gates.get(name, {}).get("verdict"), " or ".join(wanted),
                          verdict in wanted)
                for name, wanted in GATES.items()
            ),
            Condition("lookups", lookups, f">= {LOOKUPS:,}", (lookups or 0) >= LOOKUPS),
            equal("lookups that failed", value("failed"), 0),
            Condition("answers recomputed", judged, f">= {JUDGED}", (judged or 0) >= JUDGED),
            equal("answers that no space explains", value("mixed"), 0),
            *(
                Condition(words, value(name), "seen by every gateway", value(name) is not None)
                for name, words in SEEN.items()
            ),
            Condition("largest relative error of a profile", error, "<= 1e-05",
                      error is not None and error <= TOLERANCE),
            equal("documents, vectors and rows that differ", value("differences"), 0),
            Condition("champion in the end", value("champion"), "as before",
                      value("champion") is not None and value("champion") == value("champion_before")),
            Condition("everything of the new space is dropped", value("dropped"), "yes",
                      value("dropped") is True),
        ]  # fmt: skip
