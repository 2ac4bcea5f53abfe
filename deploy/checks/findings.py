"""What a check found, as data: for tables, for ``--json``, for the demo's report. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from deploy.words import counted

TOLERANCE = 1e-5
SHOWN = 20
"""How many ids of each kind a report carries; the counts are always whole."""


@dataclass
class LogFindings:
    """Log -> documents (rule 1)."""

    partitions: int = 0
    whole: int = 0
    """Partitions whose log reaches back to its beginning; the others are folded onto the documents."""
    records: int = 0
    refused: int = 0
    """Records that do not count: broken rules, other partitions than their user's."""
    users: int = 0
    differing: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every document is what it must be."""
        return not self.differing


@dataclass
class UserRowFindings:
    """Documents x vectors -> user rows of one space (rule 2)."""

    space: str
    users: int = 0
    vectors: int = 0
    max_relative_error: float = 0.0
    missing: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every row is what it must be."""
        return not (self.missing or self.stale or self.orphans)


@dataclass
class ItemFindings:
    """Films -> vectors -> item rows of one space."""

    space: str
    items: int = 0
    vectors: int = 0
    refused: int = 0
    """Films without a vector that the DLQ explains."""
    without_vector: list[str] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    """Of those without a vector: the indexer has not come to them yet."""
    vector_without_item: list[str] = field(default_factory=list)
    rows: int = 0
    missing: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every film has a vector or a reason, and every row is what it must be."""
        return not (
            self.without_vector or self.vector_without_item or self.missing or self.differing or self.orphans
        )


def films_behind(count: int) -> str:
    """So many films wait for the indexer, in words."""
    return f"{counted(count, 'film')} behind"


def as_json(findings: LogFindings | UserRowFindings | ItemFindings) -> dict[str, Any]:
    """Counts whole, the ids themselves cut to the first :data:`SHOWN`, and ``clean``."""
    plain = asdict(findings)
    for name, value in list(plain.items()):
        if isinstance(value, list):
            plain[name] = len(value)
            plain[f"{name}_ids"] = value[:SHOWN]
    return plain | {"clean": findings.clean}
