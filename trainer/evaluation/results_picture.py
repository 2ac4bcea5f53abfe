"""The picture of docs/results.md: a panel for each group of rows, figures with intervals, goals as lines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.evaluation.drawing import new_figure, write_figure
from trainer.evaluation.headlines import Point, points_of, unit_of
from trainer.evaluation.page import Group

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 2
WIDTH = 6.5
"""Inches of a panel."""
HEAD, LINE = 1.3, 0.22
"""Inches of a panel's title and axis, and of each of its points."""
TITLE_WIDTH = 70
"""Letters of a line of a title."""


def draw_results(groups: Sequence[Group], path: Path) -> None:
    """Draws the groups that have run; without any the picture stays as it is."""
    shown = [(group, points_of(group.results)) for group in groups if group.results]
    if not shown:
        return
    pairs = [shown[start : start + COLUMNS] for start in range(0, len(shown), COLUMNS)]
    heights = [HEAD + LINE * max(len(points) for _, points in pair) for pair in pairs]
    figure = new_figure((WIDTH * COLUMNS, sum(heights)))
    grid = figure.add_gridspec(len(pairs), COLUMNS, height_ratios=heights)
    for row, pair in enumerate(pairs):
        for column, (group, points) in enumerate(pair):
            _panel(figure.add_subplot(grid[row, column]), group, points)
    write_figure(figure, path)


def _panel(axes: Axes, group: Group, points: Sequence[Point]) -> None:
    for place, point in enumerate(points):
        if point.low is not None and point.high is not None:
            axes.plot([point.low, point.high], [place, place], color="tab:blue", linewidth=1.5)
        axes.plot([point.mean], [place], "o", color="tab:blue", markersize=4)
    for number, (label, value) in enumerate(group.marks):
        style = ("--", ":")[number % 2]
        axes.axvline(value, color="tab:red", linestyle=style, linewidth=1, label=f"{label} {value:g}")
    if group.marks:
        axes.legend(fontsize=7, title="named in the goal", title_fontsize=7)
    axes.set_yticks(range(len(points)), [point.label for point in points], fontsize=7)
    axes.set_ylim(len(points) - 0.5, -0.5)
    axes.tick_params(axis="x", labelsize=7)
    axes.grid(axis="x", linewidth=0.3)
    axes.set_xlabel(unit_of(group.results), fontsize=8)
    goal = textwrap.fill(f"goal: {group.goal}", TITLE_WIDTH)
    axes.set_title(f"{textwrap.fill(group.what, TITLE_WIDTH)}\n{goal}", fontsize=8)
