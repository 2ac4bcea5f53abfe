"""What ``marquee evaluate served --out`` leaves behind: figures as JSON, as a page, and as bars."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.evaluation.drawing import new_figure, write_figure
from trainer.evaluation.list_measures import OPEN, UP_TO_ONE, accuracy_names, measure_names
from trainer.evaluation.writing import write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = {"plain": "plain", "reranked": "re-ranked"}
NONE = "-"
"""In the place of a figure that there is nothing to make of."""
BAR = 0.4
"""Width of a bar, where measures are 1 apart."""


def table_of(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(measure, plain, re-ranked) of all measures, as text."""
    return [
        (name, *(_text(found[name][kind]) for kind in KINDS))  # type: ignore[misc]
        for name in measure_names(found["k"])
    ]


def _text(value: float | None, digits: int = 4) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def write_report(found: dict[str, Any], title: str, folder: Path) -> list[Path]:
    """``result.json``, ``result.md`` and ``result.png`` in ``folder``, which is made; their paths."""
    paths = [folder / f"result.{ending}" for ending in ("json", "md", "png")]
    write_text(paths[0], json.dumps(found, indent=1) + "\n")
    write_text(paths[1], page_of(found, title))
    _draw(found, title, paths[2])
    return paths


def page_of(found: dict[str, Any], title: str) -> str:
    """The figures in Markdown; intervals are 95% over users."""
    lines = [f"# {title}", "", f"{found['users']} users who like a film in the test part.", ""]
    lines += ["| measure | plain | re-ranked |", "|---|---|---|"]
    for name, *texts in table_of(found):
        cells = [
            text + _between(found["intervals"].get(name, {}).get(kind))
            for kind, text in zip(KINDS, texts, strict=True)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "![Plain and re-ranked](result.png)", ""]
    for name in ("chosen", "gate", "ratings"):
        lines.append(f"- {name}: {', '.join(f'{key} {value}' for key, value in found[name].items())}")
    return "\n".join(lines) + "\n"


def _between(interval: list[float] | None) -> str:
    return "" if interval is None else f" [{interval[0]:.4f}, {interval[1]:.4f}]"


def _draw(found: dict[str, Any], title: str, path: Path) -> None:
    panels = {
        "accuracy": accuracy_names(found["k"]),
        "lists, 0 to 1": UP_TO_ONE,
        "novelty in bits, calibration in nats": OPEN,
    }
    figure = new_figure((12, 4.5))
    grid = figure.add_gridspec(1, len(panels), width_ratios=[len(names) for names in panels.values()])
    for column, (head, names) in enumerate(panels.items()):
        axes = figure.add_subplot(grid[0, column])
        _bars(axes, found, names)
        axes.set_title(head, fontsize=9)
        if not column:
            axes.legend(fontsize=8)
    figure.suptitle(f"{title}: {found['users']} users, intervals 95%", fontsize=10)
    write_figure(figure, path)


def _bars(axes: Axes, found: dict[str, Any], names: tuple[str, ...]) -> None:
    for offset, (kind, label) in zip((-BAR / 2, BAR / 2), KINDS.items(), strict=True):
        heights = [found[name][kind] or 0.0 for name in names]
        between = [found["intervals"].get(name, {}).get(kind) for name in names]
        spread = [
            (height - one[0], one[1] - height) if one else (0.0, 0.0)
            for height, one in zip(heights, between, strict=True)
        ]
        places = [place + offset for place in range(len(names))]
        drawn = axes.bar(places, heights, BAR, label=label, yerr=list(zip(*spread, strict=True)), capsize=2)
        texts = [_text(found[name][kind], 3) for name in names]
        axes.bar_label(drawn, texts, label_type="center", fontsize=7, rotation=90)
    labels = [name.replace("_", "\n") for name in names]
    axes.set_xticks(range(len(names)), labels, fontsize=7)
    axes.set_ylim(bottom=0)
