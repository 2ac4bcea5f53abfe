"""The page of results: every form of result has its line, and what is missing or old is said."""

from __future__ import annotations

from typing import Any

from tests.unit.trainer.evaluation.made_results import errors, every, lists
from trainer.evaluation.page import MEASURES, groups_of, page
from trainer.evaluation.rows import Row


def row(name: str, group: str) -> Row:
    return Row(name, group, f"goal of {group}", (), lambda *_: {}, marks=(("plain", 0.3),))


def test_every_form_of_result_has_a_figure() -> None:
    results = every()
    rows = [row(name, name) for name in results]
    groups = groups_of(rows, results, set())
    figures = {group.what: group.figure for group in groups}
    assert figures["errors"].startswith("RMSE biases 0.9000 [0.8000, 1.0000]")
    assert "MAE biases" in figures["errors"]
    assert "similar_items against biases -0.1000 [-0.2000, -0.0500]" in figures["errors"]
    assert figures["lists"].startswith("plain 0.3000 [0.2500, 0.3500]; reranked 0.3100")
    assert "against popularity: plain 0.0200 [0.0100, 0.0300]" in figures["lists"]
    assert figures["few"].index("0 ratings") < figures["few"].index("10 ratings")
    assert figures["cold"].startswith("all content 0.3500")
    assert "7 tags: a@1 0.1000" in figures["search"]
    text = page(groups)
    for group in groups:
        assert f"| {group.what} | {group.goal} | {group.figure} | `{group.command}` |" in text
    assert text.endswith("(pictures/results.png)\n")


def test_rows_of_a_group_are_averaged_and_what_lacks_is_told() -> None:
    rows = [row(f"x-{n}", "x") for n in (1, 2, 3)] + [row("y", "y")]
    group, other = groups_of(rows, {"x-1": lists(0.2), "x-2": lists(0.4)}, {"x-2"})
    assert group.figure.startswith("plain 0.3000 [")
    assert group.figure.endswith("(1 of 3 not run yet) (1 of 3 by an earlier revision)")
    assert group.command == "marquee evaluate all --only x-"
    assert (other.figure, other.command) == ("not run yet", "marquee evaluate all --only y")


def measures_of(results: dict[str, dict[str, Any]]) -> list[str]:
    groups = groups_of([row(name, name) for name in results], results, set())
    return [line for line in page(groups).splitlines() if line.count("|") == len(MEASURES) + 2]


def test_more_measures_stand_in_a_table_of_their_own() -> None:
    empty = lists(0.5)
    empty["calibration"] = {"plain": None, "reranked": None}
    head, rule, new, bare = measures_of(
        {"new": lists(0.25), "bare": empty, "old": lists(0.2, measured=False), "errors": errors()}
    )
    assert [name.strip() for name in head.split("|")[2:-1]] == list(MEASURES)
    assert set(rule) == {"|", "-"}
    assert new == "| new | " + " | ".join(["0.250 / 0.260"] * len(MEASURES)) + " |"
    assert bare.endswith("| - / - |")
    assert not measures_of({"errors": errors()})


def test_an_earlier_revision_was_not_compared_with_popularity() -> None:
    (group,) = groups_of([row("a", "a")], {"a": lists(0.2, measured=False)}, set())
    assert "against ease:" in group.figure
    assert "against popularity" not in group.figure
