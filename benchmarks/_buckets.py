"""Percentiles of a Prometheus histogram between two scrapes. Pure."""

from __future__ import annotations

import re

Counts = dict[float, float]
"""Upper bound of a bucket -> observations up to it."""


def bucket_counts(text: str, name: str) -> Counts:
    """The histogram ``name`` in a scrape's text.

    Raises:
        ValueError: it is not there.
    """
    found = re.findall(rf'^{re.escape(name)}_bucket{{le="([^"]+)"}} (\S+)$', text, re.MULTILINE)
    if not found:
        raise ValueError(f"no histogram {name} in the scrape")
    return {float(bound): float(count) for bound, count in found}


def less(after: Counts, before: Counts) -> Counts:
    """What was observed between two scrapes."""
    return {bound: count - before[bound] for bound, count in after.items()}


def at_most(counts: Counts, share: float) -> float:
    """The smallest bound under which at least ``share`` of the observations lie: no guess between bounds."""
    total = counts[float("inf")]
    return min(bound for bound, count in counts.items() if count >= share * total)
