"""One gate as a table: a number with its interval against a limit, row by row. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from deploy.rollout.gates.sequential import Interval

Verdict = Literal["passed", "failed", "open"]
OPEN_CODE = 10
CODES: dict[str, int] = {"verify": 11, "evaluate": 12, "shadow": 13, "canary": 14}
"""Exit code of each gate that failed; 0 passed, 10 open: not enough was seen to decide."""


class Row(msgspec.Struct, frozen=True):
    """``estimate`` lies in ``low``..``high``; it is to be ``at most`` (or ``at least``) ``limit``."""

    name: str
    estimate: float
    low: float
    high: float
    sense: Literal["at most", "at least"]
    limit: float
    count: int
    """What it was computed from: lookups, pairs, runs."""

    @property
    def verdict(self) -> Verdict:
        """Decided only where the whole interval lies on one side of the limit."""
        if self.sense == "at most":
            inside, outside = self.high <= self.limit, self.low > self.limit
        else:
            inside, outside = self.low >= self.limit, self.high < self.limit
        return "passed" if inside else "failed" if outside else "open"


class Gate(msgspec.Struct, frozen=True):
    """All rows of one look. ``version`` is that of the limits' file."""

    name: str
    space: str
    against: str
    version: int
    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()
    """What could not be judged, and why."""

    @property
    def verdict(self) -> Verdict:
        """Failed if any row is, passed if all are."""
        verdicts = {row.verdict for row in self.rows}
        if "failed" in verdicts:
            return "failed"
        return "passed" if verdicts == {"passed"} else "open"

    @property
    def exit_code(self) -> int:
        """For the command line."""
        return {"passed": 0, "open": OPEN_CODE, "failed": CODES[self.name]}[self.verdict]

    @property
    def failed(self) -> Sequence[str]:
        """Names of the rows that failed."""
        return [row.name for row in self.rows if row.verdict == "failed"]


def at_most(name: str, interval: Interval, limit: float, count: float) -> Row:
    """A row whose number is to stay below."""
    return Row(name, interval.estimate, interval.low, interval.high, "at most", limit, int(count))


def at_least(name: str, interval: Interval, limit: float, count: float) -> Row:
    """A row whose number is to stay above."""
    return Row(name, interval.estimate, interval.low, interval.high, "at least", limit, int(count))
