"""What --out leaves behind: the object itself, a page and bars that say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from trainer.evaluation.list_measures import measure_names
from trainer.evaluation.served_report import page_of, table_of, write_report


def result(k: int = 10, plain: float | None = 0.25) -> dict[str, Any]:
    return {
        **{name: {"plain": 0.25, "reranked": 0.5} for name in measure_names(k)},
        "calibration": {"plain": plain, "reranked": plain},
        "intervals": {f"ndcg@{k}": {"plain": [0.2, 0.3], "reranked": [0.4, 0.6]}},
        "users": 12,
        "k": k,
        "chosen": {"dim": 16},
        "gate": {"passed": False},
        "ratings": {"train": 5},
    }


def test_three_files_are_written_and_say_the_same(tmp_path: Path) -> None:
    paths = write_report(result(), "Title", tmp_path / "deep" / "out")
    assert [path.name for path in paths] == ["result.json", "result.md", "result.png"]
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(path.name for path in paths)
    assert json.loads(paths[0].read_text()) == result()
    page = paths[1].read_text()
    assert page.startswith("# Title\n")
    assert "| ndcg@10 | 0.2500 [0.2000, 0.3000] | 0.5000 [0.4000, 0.6000] |" in page
    assert "| gini | 0.2500 | 0.5000 |" in page
    assert "](result.png)" in page
    with Image.open(paths[2]) as picture:
        assert picture.size == (1320, 495)


def test_the_picture_is_of_the_figures(tmp_path: Path) -> None:
    first, again, other = (
        write_report(one, "T", tmp_path / str(n))[2].read_bytes()
        for n, one in enumerate((result(), result(), result(plain=0.75)))
    )
    assert first == again != other


def test_what_there_is_no_figure_of_is_a_dash(tmp_path: Path) -> None:
    nothing = result(plain=None)
    assert table_of(nothing)[-1] == ("calibration", "-", "-")
    assert "| calibration | - | - |" in page_of(nothing, "T")
    assert write_report(nothing, "T", tmp_path)[2].is_file()


def test_the_places_are_named() -> None:
    assert [name for name, _, _ in table_of(result(k=5))] == list(measure_names(5))
