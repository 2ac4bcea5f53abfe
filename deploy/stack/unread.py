"""What a ledger or a space worker does not read, from its own ``/status``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def unread(status: Mapping[str, Any]) -> list[str]:
    """A line for each partition that is stopped until an operator acts, and why."""
    ledger = [
        f"partition {number} of the ratings: {partition['reason']}"
        for number, partition in status.get("partitions", {}).items()
        if partition["phase"] == "stopped"
    ]
    indexer = status.get("indexer", {}).get("stopped", {})
    return ledger + [f"{place}: {reason}" for place, reason in indexer.items()]
