"""Probes from MovieLens' posters: learnt inside, scored on all outside, whose labels teach nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainer.data.posters import Poster
from trainer.exceptions import DataError
from trainer.vision import labelled
from trainer.vision.inside import Learnt, inside_figures, probe_from_inside
from trainer.vision.labelled import Labelled, load_inside, load_outside

GENRES = ("A", "B", "Rare")
KINDS = ("vit", "random_vit", "teacher")


def quiet(what: str, done: int, total: int) -> None:
    """Shows nothing."""


def made(n: int, seed: int) -> tuple[Labelled, dict[str, np.ndarray]]:
    """Posters of which the teacher sees more than we do, and random weights nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.random((n, 3)) < (0.4, 0.3, 0.01)
    noise = rng.standard_normal((n, 12)).astype(np.float32)
    features = {
        kind: (noise + strength * np.pad(labels, ((0, 0), (0, 9)))).astype(np.float32)
        for kind, strength in zip(KINDS, (1.5, 0.0, 4.0), strict=True)
    }
    films = tuple(f"tt{seed}{i:06d}" for i in range(n))
    pixels = np.zeros((n, 1, 1, 3), dtype=np.uint8)
    return Labelled(films, pixels, GENRES, labels, features["teacher"]), features


def learnt(turned: bool = False) -> Learnt:
    inside, seen_inside = made(400, 1)
    outside, seen_outside = made(200, 2)
    if turned:
        outside = replace(outside, labels=~outside.labels)
    return probe_from_inside(seen_inside, seen_outside, inside, outside, 0, quiet)


def test_what_is_seen_inside_is_found_outside() -> None:
    found = learnt()
    assert found.genres == ("A", "B"), "a genre of a handful of posters cannot be learnt"
    assert found.learnt_from + found.chosen_by == 400
    assert 50 < found.chosen_by < 110
    assert all(one.scores.shape == found.labels.shape == (200, 2) for one in found.probed.values())
    told = inside_figures(found, resamples=100)
    assert told["tested_on"] == 200
    assert set(told["genres"]) == {"A", "B"}
    assert list(told["map"]) == ["majority", "random_vit", "teacher", "vit"]
    maps = {name: float(text.split()[0]) for name, text in told["map"].items()}
    assert maps["teacher"] > maps["vit"] + 5
    assert maps["vit"] > maps["random_vit"] + 20
    assert abs(maps["majority"] - 100 * found.labels.mean()) < 1e-3
    assert list(told["difference"]) == ["vit_minus_random_vit", "vit_minus_teacher"]
    difference = float(told["difference"]["vit_minus_teacher"].split()[0])
    assert abs(difference - (maps["vit"] - maps["teacher"])) < 1e-3


def test_labels_outside_teach_nothing() -> None:
    straight, reverse = learnt(), learnt(turned=True)
    for kind in KINDS:
        assert straight.probed[kind].penalty == reverse.probed[kind].penalty
        np.testing.assert_array_equal(straight.probed[kind].scores, reverse.probed[kind].scores)


def test_sides_that_do_not_fit_are_refused() -> None:
    inside, features = made(100, 1)
    with pytest.raises(ValueError, match="are not"):
        probe_from_inside(features, features, inside, replace(inside, genres=("X", "Y", "Z")), 0, quiet)
    with pytest.raises(ValueError, match="no genre has 101"):
        probe_from_inside(features, features, inside, inside, 0, quiet, least=101)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve labelled posters, the even ones of MovieLens films; MovieLens has another without a label."""
    (tmp_path / "posters").mkdir()
    mapped, labels = ["dataset,item_id,imdb,has_poster,source", "ml-1m,99,tt0000099,0,"], ["Id,Genre,A,B,N/A"]
    for number in range(12):
        imdb = f"tt{number:07d}"
        Image.new("RGB", (20, 30), (20 * number, 0, 0)).save(tmp_path / "posters" / f"{imdb}.webp")
        labels.append(f"{imdb},x,{int(number % 3 == 0)},{int(number == 1)},0")
        if number % 2 == 0:
            mapped += [f"ml-100k,{number},{imdb},1,", f"ml-1m,{number},{imdb},1,"]
    (tmp_path / "poster_map.csv").write_text("\n".join(mapped) + "\n")
    (tmp_path / "poster_genres.csv").write_text("\n".join(labels) + "\n")

    def seen(posters: Sequence[Poster], *_: Any) -> np.ndarray:
        return np.array([[float(poster.imdb[2:])] for poster in posters], dtype=np.float32)

    monkeypatch.setattr(labelled, "pooled_features", seen)
    return tmp_path


def test_posters_lie_on_the_side_of_their_film(data: Path) -> None:
    outside = load_outside(data, 6, 4, data / "cache", quiet)
    assert [int(film[2:]) for film in outside.films] == [1, 3, 5, 7, 9, 11]
    assert outside.genres == ("A",), "B has one poster outside"
    inside = load_inside(data, outside.genres, 6, 4, data / "cache", quiet)
    assert [int(film[2:]) for film in inside.films] == [0, 2, 4, 6, 8, 10]
    assert inside.labels[:, 0].tolist() == [True, False, False, True, False, False]
    assert inside.pixels.shape == (6, 6, 4, 3)
    assert inside.teacher[:, 0].tolist() == [0, 2, 4, 6, 8, 10]
    # columns go by name, not by place
    assert load_inside(data, ("B", "A"), 6, 4, data / "cache", quiet).labels[0].tolist() == [False, True]


def test_a_table_without_films_of_movielens_is_named(data: Path) -> None:
    (data / "poster_map.csv").write_text("dataset,item_id,imdb,has_poster,source\nml-1m,99,tt0000099,0,\n")
    with pytest.raises(DataError, match=r"poster_genres\.csv.*no poster of a MovieLens film"):
        load_inside(data, ("A",), 6, 4, data / "cache", quiet)
