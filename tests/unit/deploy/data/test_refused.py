"""Posters that an import leaves out are named."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from deploy.cli import data
from deploy.data.refused import TOLD, RefusedPoster, told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight films of one's own; the poster of the first is one, the last has none, the others are none."""
    posters = tmp_path / "posters"
    posters.mkdir()
    picture = io.BytesIO()
    Image.effect_noise((48, 64), 90).save(picture, "JPEG")
    (posters / "0.jpg").write_bytes(picture.getvalue())
    (posters / "1.jpg").write_bytes(picture.getvalue()[:-300])
    (posters / "2.jpg").mkdir()
    for number in range(3, 7):
        (posters / f"{number}.jpg").write_bytes(b"no picture")
    (tmp_path / "items.csv").write_text("item_id,title\n" + "".join(f"{n},Film {n}\n" for n in range(8)))
    (tmp_path / "ratings.csv").write_text("user_id,item_id,value\nann,0,4\n")
    return tmp_path


def test_a_dry_run_checks_posters_and_names_those_it_would_leave_out(folder: Path) -> None:
    shown = CliRunner().invoke(data.command, ["import", str(folder), "--dry-run"])
    assert shown.exit_code == 0
    lines = [line for line in shown.stderr.splitlines() if "left out" in line]
    assert len(lines) == TOLD + 1
    assert lines[0].startswith(f"{folder}/posters/1.jpg, the poster of 1, left out: the picture is damaged")
    assert lines[1] == f"{folder}/posters/2.jpg, the poster of 2, left out: Is a directory"
    assert lines[-1] == "and 1 more posters left out; --json names all"
    assert "refused_posters" not in shown.stdout

    asked = CliRunner().invoke(data.command, ["import", str(folder), "--dry-run", "--json"])
    found = json.loads(asked.stdout)
    assert (asked.exit_code, found["posters"], found["posters_refused"]) == (0, 1, 6)
    assert [Path(one["file"]).name for one in found["refused_posters"]] == [f"{n}.jpg" for n in range(1, 7)]
    assert found["refused_posters"][0].keys() == {"file", "item_id", "reason"}


def test_a_few_are_told_without_a_remark_and_names_do_nothing_to_a_terminal() -> None:
    assert told([]) == []
    assert told([RefusedPoster("a\x1b[2J.jpg", "1", "is broken")]) == [
        "a\\x1b[2J.jpg, the poster of 1, left out: is broken"
    ]
