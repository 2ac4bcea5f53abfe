"""How pictures are made and kept: one style, and the same bytes for the same picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(inches: tuple[float, float]) -> Figure:
    """An empty one, drawn without a display."""
    from matplotlib.figure import Figure

    return Figure(figsize=inches, dpi=110, layout="constrained")


def write_figure(figure: Figure, path: Path) -> None:
    """One PNG, whole or not at all; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".writing.png")
    # no version of the library in the file: the same picture gives the same bytes
    figure.savefig(aside, format="png", metadata={"Software": None})
    aside.replace(path)
