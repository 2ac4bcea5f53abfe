"""Figures of a demo, what of them must hold, and the file that says both. Pure but for writing the file."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True)
class Condition:
    """One thing that must hold, in words for people, and whether it does."""

    name: str
    value: object
    wanted: str
    met: bool


def equal(name: str, value: object, wanted: object) -> Condition:
    """That ``value`` is ``wanted``."""
    return Condition(name, value, f"{wanted:,}" if isinstance(wanted, int) else str(wanted), value == wanted)


@dataclass
class Figures(ABC):
    """The figures of one run, under the names of the file."""

    FILE: ClassVar[str]
    values: dict[str, Any] = field(default_factory=dict)

    def add(self, **values: Any) -> None:
        """Take figures down."""
        self.values.update(values)

    @abstractmethod
    def conditions(self) -> list[Condition]:
        """Everything that must hold; what was never measured does not."""

    @property
    def met(self) -> bool:
        """Whether all of them hold."""
        return all(condition.met for condition in self.conditions())

    def write(self, home: Path) -> Path:
        """Into ``home``, aside and renamed."""
        path = home / self.FILE
        conditions = [
            {"name": c.name, "value": c.value, "wanted": c.wanted, "met": c.met} for c in self.conditions()
        ]
        aside = path.with_suffix(".tmp")
        aside.write_text(
            json.dumps(self.values | {"met": self.met, "conditions": conditions}, indent=1) + "\n"
        )
        aside.replace(path)
        return path
