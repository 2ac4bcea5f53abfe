"""The picture of results: what has run is drawn, the same each time."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.unit.trainer.evaluation.made_results import every, lists
from trainer.evaluation.page import Group
from trainer.evaluation.results_picture import draw_results


def group(name: str, *results: dict[str, object]) -> Group:
    return Group(name, "a goal " * 20, "", "", (("plain", 0.3), ("reranked", 0.4)), results)


def test_the_picture_shows_what_has_run_and_is_the_same_again(tmp_path: Path) -> None:
    groups = [group(name, one) for name, one in every().items()]
    draw_results([*groups, group("lost")], tmp_path / "made" / "a.png")
    draw_results(groups, tmp_path / "b.png")
    made = (tmp_path / "made" / "a.png").read_bytes()
    assert made == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.size[0] == 1430
    draw_results([group("lists", lists(0.31)), *groups[1:]], tmp_path / "b.png")
    assert made != (tmp_path / "b.png").read_bytes()


def test_without_a_finished_row_nothing_is_drawn(tmp_path: Path) -> None:
    draw_results([group("lost")], tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
