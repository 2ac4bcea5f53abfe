"""The page docs/results.md: a line for each group of rows, from the rows' results. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.evaluation.list_measures import measure_names
from trainer.evaluation.rows import Row
from trainer.evaluation.statistics import over_folds

Result = dict[str, Any]
KINDS = ("plain", "reranked")
KINDS_OF_FEW = ("content", "ratings", "served")
BASELINES = ("ease", "ease_all_rated", "popularity")
MEASURES = tuple(name for name in measure_names(10) if name != "ndcg@10")
"""NDCG has its intervals in the first table."""
PAGE_NOTE = """# Results

Every figure is made by `marquee evaluate all` (`--only NAME` for one row) from the data that `MARQUEE_DATA`
names, and written to `results/NAME.json` with the hash of what it was made from. Full ranking, seen films
excluded, liked means 4 or more; everything was chosen on validation parts of the training ratings, but for
three numbers of which [evaluate.md](evaluate.md#what-is-held-to) tells. Intervals are 95%.
"""
MEASURES_NOTE = """
## More measures of the same lists

Each plain / re-ranked, means over the rows of a group; what they mean is in
[evaluate.md](evaluate.md#measures-trainerevaluation).
"""
PICTURE_NOTE = """
## Picture

![Figures of all rows with their intervals and goals](pictures/results.png)
"""


@dataclass(frozen=True)
class Group:
    """A line of the page."""

    what: str
    goal: str
    figure: str
    command: str
    marks: tuple[tuple[str, float], ...]
    results: tuple[Result, ...]
    """Of its rows that have run."""


def groups_of(rows: Sequence[Row], found: dict[str, Result], older: set[str]) -> list[Group]:
    """Groups in the order of ``rows``; ``found`` by name, ``older``: names that an earlier revision made."""
    out = []
    for what in dict.fromkeys(row.group for row in rows):
        members = [row for row in rows if row.group == what]
        results = tuple(found[row.name] for row in members if row.name in found)
        missing = len(members) - len(results)
        figure = _figure(results) if results else "not run yet"
        if results and missing:
            figure += f" ({missing} of {len(members)} not run yet)"
        if old := sum(row.name in older for row in members):
            figure += f" ({old} of {len(members)} by an earlier revision)"
        first = members[0]
        prefix = first.name if len(members) == 1 else first.name.rstrip("0123456789")
        command = f"marquee evaluate all --only {prefix}"
        out.append(Group(what, first.goal, figure, command, first.marks, results))
    return out


def page(groups: Sequence[Group]) -> str:
    """The whole page in Markdown."""
    lines = [PAGE_NOTE, "| what | goal | figure | command |", "|---|---|---|---|"]
    lines += [f"| {one.what} | {one.goal} | {one.figure} | `{one.command}` |" for one in groups]
    measured = [
        one for one in groups if one.results and all(set(MEASURES) <= set(each) for each in one.results)
    ]
    if measured:
        lines += [MEASURES_NOTE, f"| what | {' | '.join(MEASURES)} |", "|---" * (len(MEASURES) + 1) + "|"]
        for one in measured:
            cells = " | ".join(_cell(one.results, name) for name in MEASURES)
            lines.append(f"| {one.what} | {cells} |")
    lines.append(PICTURE_NOTE.rstrip())
    return "\n".join(lines) + "\n"


def _cell(results: Sequence[Result], measure: str) -> str:
    parts = []
    for kind in KINDS:
        values = [one[measure][kind] for one in results if one[measure][kind] is not None]
        parts.append(f"{np.mean(values):.3f}" if values else "-")
    return " / ".join(parts)


def _figure(results: Sequence[Result]) -> str:
    first = results[0]
    if "search" in first:
        return ". ".join(_found(name, one) for name, one in first["search"].items())
    if "map" in first:
        return _probed(first)
    if "against_whole" in first:
        return _edited(first)
    if "rmse" in first:
        return "; ".join(_errors(first, measure) for measure in ("rmse", "mae"))
    ndcg = first["ndcg@10"]
    if "plain" in ndcg:
        return _lists(results)
    if "all" in ndcg:
        parts = [f"{name} {value:.4f}" for name, value in ndcg.items()]
        folds = over_folds(np.array(first["folds"]["all"]))
        against = first["all_against"]
        return (
            f"all content {folds}; "
            + ", ".join(parts[1:])
            + "; p "
            + ", ".join(f"{name} {one['p']:.2g}" for name, one in against.items())
        )
    return "; ".join(
        f"{count} ratings: " + ", ".join(f"{kind} {one[kind]:.4f}" for kind in KINDS_OF_FEW)
        for count, one in sorted(ndcg.items(), key=lambda entry: int(entry[0]))
    )


def _lists(results: Sequence[Result]) -> str:
    parts = [_over(results, kind) for kind in KINDS]
    for name in BASELINES:
        mean = float(np.mean([one["baselines"][name] for one in results]))
        parts.append(f"{name} {mean:.4f}")
    for name in BASELINES:
        # rows of earlier revisions were not compared with popularity
        if all(name in one["against"] for one in results):
            against = [_difference(results, name, kind) for kind in KINDS]
            parts.append(f"against {name}: " + ", ".join(against))
    return "; ".join(parts)


def _errors(result: Result, measure: str) -> str:
    shown = ", ".join(f"{name} {_interval(one)}" for name, one in result[measure].items())
    against = ", ".join(f"{name} {_interval(one)}" for name, one in result["against"][measure].items())
    return f"{measure.upper()} {shown}; similar_items against {against}"


def _probed(result: Result) -> str:
    shown = "; ".join(f"{name} {one}" for name, one in result["map"].items())
    if inside := result.get("from_movielens"):
        learnt = "; ".join(f"{name} {one}" for name, one in inside["map"].items())
        shown += f". Learnt from posters of MovieLens films: {learnt}"
    return shown


def _edited(result: Result) -> str:
    ndcg, against = result["ndcg@10"], result["against_whole"]
    apart = {name: _interval(one["difference"]) for name, one in against.items()}
    shown = [f"{name} {ndcg[name]:.4f}, difference {one}" for name, one in apart.items()]
    return "; ".join([f"whole {ndcg['whole']:.4f}", *shown])


def _found(name: str, one: Result) -> str:
    scores, against = one["ndcg@10"], one["against"]
    shown = "; ".join(f"{package} {score}" for package, score in scores.items())
    apart = f"the second above the first by {against['difference']['mean']:.4f}, p {against['p']:.2g}"
    return f"{one['queries']} {name}: {shown}; {apart}"


def _interval(one: dict[str, float]) -> str:
    return f"{one['mean']:.4f} [{one['low']:.4f}, {one['high']:.4f}]"


def _difference(results: Sequence[Result], name: str, kind: str) -> str:
    differences = [one["against"][name][kind]["difference"] for one in results]
    if len(differences) > 1:
        return f"{kind} {over_folds(np.array([one['mean'] for one in differences]))}"
    return f"{kind} {_interval(differences[0])}"


def _over(results: Sequence[Result], kind: str) -> str:
    means = np.array([one["ndcg@10"][kind] for one in results])
    if len(means) > 1:
        return f"{kind} {over_folds(means)}"
    low, high = results[0]["intervals"]["ndcg@10"][kind]
    return f"{kind} {means[0]:.4f} [{low:.4f}, {high:.4f}]"
