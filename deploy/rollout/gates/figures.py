"""What gateways have counted, as one difference since the gate began to look. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

PREFIX = "marquee_gateway_"
Key = tuple[str, str, str, str]
"""Metric without its prefix, space, role, source; what a metric has not is empty."""


def parse(text: str) -> dict[Key, float]:
    """The samples of one gateway's ``/metrics`` that belong to a space; buckets are left out."""
    found: dict[Key, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            if sample.name.startswith(PREFIX) and "space" in labels and "le" not in labels:
                name = sample.name.removeprefix(PREFIX)
                key = (name, labels["space"], labels.get("role", ""), labels.get("source", ""))
                found[key] = sample.value
    return found


@dataclass
class Collected:
    """Figures since the first look, over every gateway that was ever seen.

    A gateway that is there at the first look counts from there; one that comes later, or anew after a
    restart, counts whole. One that ends keeps what it had counted.
    """

    _base: dict[str, Mapping[Key, float]] = field(default_factory=dict)
    _last: dict[str, Mapping[Key, float]] = field(default_factory=dict)
    _begun: bool = False

    def look(self, processes: Mapping[str, Mapping[Key, float]]) -> None:
        """Take the figures of each process; a process that was restarted has another name."""
        for name, figures in processes.items():
            self._base.setdefault(name, {} if self._begun else figures)
            self._last[name] = figures
        self._begun = True

    def sum(self, name: str, space: str, role: str | None = None, source: str | None = None) -> float:
        """One figure; without role or source over all of them."""
        return sum(
            value - self._base[process].get(key, 0.0)
            for process, figures in self._last.items()
            for key, value in figures.items()
            if key[:2] == (name, space)
            and (role is None or key[2] == role)
            and (source is None or key[3] == source)
        )
