"""Pictures: what is drawn is what was measured, the same each time; what is missing is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainer.evaluation.pictures import OTHER, colour_of, draw_cold_start, draw_curves, part_of, plane
from trainer.evaluation.search import tagged
from trainer.exceptions import TrainingError


def test_the_map_keeps_the_two_widest_directions() -> None:
    made = np.random.default_rng(0).standard_normal((60, 5)) * [0.1, 5.0, 0.1, 2.0, 0.1]
    places, shares = plane(made.astype(np.float32))
    assert abs(np.corrcoef(places[:, 0], made[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(places[:, 1], made[:, 3])[0, 1]) > 0.99
    assert 0.9 < shares.sum() <= 1
    turned, _ = plane(made[::-1].astype(np.float32))
    assert np.allclose(turned[::-1], places, atol=1e-4)
    with pytest.raises(TrainingError, match="2 films make no map"):
        plane(made[:2].astype(np.float32))


def test_a_film_is_coloured_by_its_rarest_genre() -> None:
    assert colour_of(("Drama", "Horror")) == "Horror"
    assert colour_of(("Western",)) == OTHER


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_the_cold_start_curve_needs_its_row(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--only ml-100k-few"):
        draw_cold_start(tmp_path, tmp_path / "a.png")
    ndcg = {str(n): {"content": 0.2, "ratings": n / 50, "served": 0.21} for n in (0, 1, 3, 10)}
    row = tmp_path / "ml-100k-few.json"
    row.write_text(json.dumps({"result": {"ndcg@10": ndcg}}))
    draw_cold_start(tmp_path, tmp_path / "a.png")
    draw_cold_start(tmp_path, tmp_path / "b.png")
    assert size(tmp_path / "a.png") == (880, 660)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    row.write_text(row.read_text().replace("0.21", "0.05"))
    draw_cold_start(tmp_path, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_learning_curves_come_from_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    with pytest.raises(TrainingError, match="holds no epoch"):
        draw_curves(log, tmp_path / "a.png")
    log.write_text("epoch,rate,loss,val_loss,val_map\n0,0.1,2.0,2.5,\n1,0.1,1.5,2.4,\n")
    draw_curves(log, tmp_path / "a.png")
    assert size(tmp_path / "a.png") == (2 * 440, 330), "a panel each for loss and map"
    assert [part_of(name) for name in ("loss", "train_loss", "val_loss")] == ["training"] * 2 + ["validation"]


def test_tags_are_joined_whatever_their_case_and_rare_ones_left_out(tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    path.write_text(
        "userId,movieId,tag,timestamp\n1,7,Space,0\n2,7,space ,0\n2,9,SPACE,0\n1,9,odd,0\n1,3,x,0\n"
    )
    tags, films = tagged(path, ["ml:9", "ml:7"], least=2)
    assert tags == ["space"]
    assert films.toarray().tolist() == [[1.0, 1.0]]
