"""The pictures of docs/pictures that are drawn from packages, results and logs; each is one PNG."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trainer.data import SHIPPED, all_ratings, load_items, resolve
from trainer.evaluation.drawing import new_figure, write_figure
from trainer.evaluation.packaged import served_vectors
from trainer.exceptions import TrainingError
from trainer.fitting import read_log
from trainer.space.train import encode_items

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAP_FILE, COLD_FILE, CURVES_FILE = "space.png", "few-ratings.png", "learning.png"
FILMS = 1_500
"""Of the map: those with most ratings."""
NAMED = 12
COLOURED = ("Animation", "Horror", "Sci-Fi", "Romance", "Crime", "Comedy", "Drama")
"""The first of these that a film has colours it; rarer ones go first, for Drama says little."""
OTHER = "other"


def plane(vectors: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(places [n, 2], shares of variance [2]): the first two principal components, signs fixed.

    Raises:
        TrainingError: if fewer than three vectors are given.
    """
    if len(vectors) < 3:
        raise TrainingError(f"{len(vectors)} films make no map")
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(vt[np.arange(2), np.abs(vt[:2]).argmax(axis=1)])
    return u[:, :2] * s[:2] * signs, s[:2] ** 2 / np.square(s).sum()


def colour_of(genres: tuple[str, ...]) -> str:
    """Which of :data:`COLOURED` stands for a film, or :data:`OTHER`."""
    return next((genre for genre in COLOURED if genre in genres), OTHER)


def draw_map(reference: str, path: Path, say: Callable[[str], None]) -> None:
    """The shipped films with most ratings in the space of ``reference``, coloured by genre.

    Directions only: a vector's length is how broadly a film appeals, and would push most into one corner.
    """
    folder = resolve(SHIPPED)
    counts = Counter(all_ratings(folder).item_ids.tolist())
    items = sorted(encode_items(list(load_items(folder))), key=lambda item: -counts[item.item_id])[:FILMS]
    vectors = served_vectors(reference, items, say)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    places, shares = plane(np.divide(vectors, lengths, where=lengths > 0, out=np.zeros_like(vectors)))
    colours = np.array([colour_of(item.genres) for item in items])

    def draw(axes: Axes) -> None:
        for genre in (OTHER, *reversed(COLOURED)):
            here = colours == genre
            shade = "0.8" if genre == OTHER else None
            axes.scatter(places[here, 0], places[here, 1], s=9, c=shade, alpha=0.7, linewidths=0, label=genre)
        for (x, y), item in zip(places[:NAMED], items, strict=False):
            axes.annotate(item.title, (x, y), fontsize=6)
        axes.set_title(f"{len(items):,} films in the space of {reference}, directions only")
        axes.set_xlabel(f"first component, {shares[0]:.0%} of the variance")
        axes.set_ylabel(f"second, {shares[1]:.0%}")
        axes.legend(fontsize=7, markerscale=2)

    _save(path, draw)


def draw_cold_start(results: Path, path: Path) -> None:
    """NDCG@10 among films of 0, 1, 3, 10 ratings, from the row ``ml-100k-few``.

    Raises:
        TrainingError: if the row has not run.
    """
    source = results / "ml-100k-few.json"
    try:
        ndcg = json.loads(source.read_bytes())["result"]["ndcg@10"]
    except OSError:
        raise TrainingError(f"{source} is not there: run `marquee evaluate all --only ml-100k-few`") from None
    counts = sorted(ndcg, key=int)

    def draw(axes: Axes) -> None:
        labels = {"content": "content alone", "ratings": "ratings alone", "served": "served"}
        for kind, label in labels.items():
            style = "-" if "alone" in label else "--"
            axes.plot(range(len(counts)), [ndcg[n][kind] for n in counts], style, marker="o", label=label)
        axes.set_xticks(range(len(counts)), counts)
        axes.set_xlabel("ratings that a film is known by")
        axes.set_ylabel("NDCG@10")
        axes.set_ylim(bottom=0)
        axes.set_title("Films with few ratings, ML-100K")
        axes.legend()

    _save(path, draw)


def part_of(name: str) -> str:
    """Of which films a column of a log speaks."""
    return "validation" if name.startswith("val_") else "training"


def draw_curves(log: Path, path: Path) -> None:
    """A panel for each figure of a training's ``log.csv``, by epoch: of training and of validation.

    Raises:
        TrainingError: if there is no such log, or it is empty.
    """
    rows = read_log(log)
    if not rows:
        raise TrainingError(f"{log} holds no epoch")
    panels: dict[str, list[str]] = {}
    for name in rows[0]:
        if name not in ("epoch", "rate"):
            panels.setdefault(name.removeprefix("train_").removeprefix("val_"), []).append(name)

    def panel(axes: Axes, figure: str) -> None:
        for name in panels[figure]:
            points = [(int(row["epoch"]) + 1, float(row[name])) for row in rows if row.get(name)]
            if points:
                style = "-" if part_of(name) == "validation" else "--"
                axes.plot(*zip(*points, strict=True), style, marker=".", markersize=3, label=part_of(name))
        axes.set_title(figure, fontsize=9)
        if axes.lines:
            axes.legend(fontsize=7)

    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = new_figure((4 * columns, 3 * lines))
    for place, name in enumerate(panels, 1):
        panel(figure.add_subplot(lines, columns, place), name)
    figure.suptitle(f"{log.parent.name}, by epoch")
    write_figure(figure, path)


def _save(path: Path, draw: Callable[[Axes], None]) -> None:
    figure = new_figure((8, 6))
    draw(figure.add_subplot())
    write_figure(figure, path)
