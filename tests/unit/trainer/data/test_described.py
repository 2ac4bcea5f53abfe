"""Cards: every kind of data set is known by its files; an unknown folder is told all that is looked for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from deploy.cli.data import command
from tests.unit.trainer.data.made_clips import RED, made_clip
from tests.unit.trainer.data.made_mmtf import made_mmtf
from trainer.data.cards import markdown
from trainer.data.described import describe
from trainer.exceptions import DataError

DATA = Path(os.environ.get("MARQUEE_DATA", "../shared/data"))

MAP = """dataset,item_id,imdb,has_poster,source
ml-100k,4,tt0000001,1,a
ml-1m,7,tt0000001,1,a
ml-1m,8,tt0000002,1,a
ml-1m,9,tt0000003,1,a
ml-1m,10,,0,
"""
GENRES = """Id,Genre,Comedy,Drama,N/A
tt0000001,['Comedy'],1,0,0
tt0000003,"['Comedy', 'Drama']",1,1,0
"""


@pytest.fixture
def posters(tmp_path: Path) -> Path:
    """Posters 1 and 4 are images, 2 is none, 3 is missing; 4 is in no table."""
    (tmp_path / "posters").mkdir()
    (tmp_path / "poster_map.csv").write_text(MAP)
    (tmp_path / "poster_genres.csv").write_text(GENRES)
    for number, width in ((1, 20), (4, 40)):
        Image.new("RGB", (width, 30)).save(tmp_path / "posters" / f"tt000000{number}.webp")
    (tmp_path / "posters" / "tt0000002.webp").write_text("no image")
    return tmp_path


def shown(folder: Path, *options: str) -> str:
    found = CliRunner().invoke(command, ["describe", str(folder), *options])
    assert found.exit_code == 0, found.output
    return found.stdout


def test_posters(posters: Path) -> None:
    found = describe(posters)
    assert found["layout"] == "posters"
    assert (found["posters"], found["posters_that_are_no_image"]) == (3, 1)
    assert (found["posters_named_but_missing"], found["posters_that_no_table_names"]) == (1, 1)
    assert (found["width_in_pixels"]["least"], found["width_in_pixels"]["most"]) == (20, 40)
    assert found["height_in_pixels"]["median"] == 30
    assert found["films_by_data_set"] == {
        "ml-100k": {"films": 1, "with_poster": 1, "missing": 0, "no_image": 0},
        "ml-1m": {"films": 4, "with_poster": 1, "missing": 1, "no_image": 1},
    }
    assert found["labelled"] == {"films": 2, "with_poster": 1, "missing": 1, "no_image": 0}
    assert found["genres"] == {"Comedy": 2, "Drama": 1}
    assert json.loads(shown(posters, "--json")) == found
    assert "ml-100k (films 1, with_poster 1, missing 0, no_image 0), ml-1m (" in shown(posters)


def test_posters_need_one_table_only(posters: Path) -> None:
    (posters / "poster_map.csv").unlink()
    found = describe(posters)
    assert (found["films_by_data_set"], found["labelled"]["films"]) == ({}, 2)
    (posters / "poster_genres.csv").unlink()
    with pytest.raises(DataError, match="no data set"):
        describe(posters)


def test_bad_tables_of_posters_are_named_by_file_and_row(posters: Path) -> None:
    (posters / "poster_map.csv").write_text(MAP.replace("tt0000002,1", "../x,1"))
    with pytest.raises(DataError, match=r"poster_map\.csv, row 3: '\.\./x' is no IMDb id"):
        describe(posters)
    for path in (posters / "posters").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="holds no posters"):
        describe(posters)


def test_clips(tmp_path: Path) -> None:
    made_clip(tmp_path / "a.mp4", sound=True)
    made_clip(tmp_path / "b.mkv", [RED], [0], size=(32, 32))
    found = describe(tmp_path)
    assert (found["layout"], found["clips"]) == ("clips", 2)
    assert found["clips_with"] == {"sound": 1, "duration": 2, "frame_rate": 2}
    assert 2 < found["seconds"] < 4
    assert found["kinds"] == {"mp4": 1, "mkv": 1}
    assert found["sizes_in_pixels"] == {"64x48": 1, "32x32": 1}
    assert json.loads(shown(tmp_path, "--json")) == found
    assert "| sizes in pixels | 64x48 1, 32x32 1 |" in shown(tmp_path)
    (tmp_path / "c.webm").write_text("no film")
    with pytest.raises(DataError, match=r"c\.webm: is no video"):
        describe(tmp_path)


def test_mmtf(tmp_path: Path) -> None:
    found = describe(made_mmtf(tmp_path))
    assert (found["layout"], found["films"], found["films_in_both_valid_and_test"]) == ("mmtf-14k", 2, 1)
    assert found["films_with"] == {"year": 1, "tags": 2, "genres": 1}
    assert found["years"] == {"first": 1949, "last": 1949}
    assert found["visual"] == {"columns": 107, "constant_columns": 106, "least": -2.5, "most": 106.0}
    assert found["most_frequent_tags"] == {"bd-r": 1, "classic": 1, "war": 1}
    assert found["genres"] == {"Sci-Fi": 1}
    assert json.loads(shown(tmp_path, "--json")) == found
    assert "| films in both valid and test | 1 |" in shown(tmp_path)


def test_a_folder_of_films_may_hold_clips_besides(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,10,4.5,964982703\n")
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n10,Heat (1995),Crime\n")
    made_clip(tmp_path / "10.mp4")
    assert describe(tmp_path)["layout"] == "ml-csv"
    assert describe(tmp_path / "ratings.csv")["films"] == 1


def test_an_unknown_folder_is_told_all_that_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        describe(tmp_path)
    for name in ("u.item", "movies.csv", "valid_features.tsv", "poster_genres.csv", "*.webm"):
        assert name in str(caught.value)
    (tmp_path / "one.txt").write_text("x")
    with pytest.raises(DataError, match="no data set"):
        describe(tmp_path / "one.txt")


def test_a_table_shows_what_is_within() -> None:
    assert "| a b | x (y 1, z 2), w 3 |" in markdown("n", {"a_b": {"x": {"y": 1, "z": 2}, "w": 3}})


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "video").is_dir(), reason=f"needs clips in {DATA / 'video'} (MARQUEE_DATA)")
def test_the_real_clips_and_sample() -> None:
    clips = describe(DATA / "video")
    assert (clips["clips"], clips["clips_with"]["sound"], round(clips["seconds"])) == (3, 3, 128)
    found = describe(DATA / "mmtf14k_sample")
    assert (found["films"], found["films_in_both_valid_and_test"]) == (299, 298)


@pytest.mark.data
@pytest.mark.full
@pytest.mark.skipif(not (DATA / "poster_map.csv").is_file(), reason=f"needs posters in {DATA} (MARQUEE_DATA)")
def test_the_real_posters() -> None:
    found = describe(DATA)
    assert (found["posters"], found["labelled"]["films"]) == (12_194, 6_242)
    assert (found["posters_that_are_no_image"], found["posters_named_but_missing"]) == (0, 0)
    with_posters = {name: films["with_poster"] for name, films in found["films_by_data_set"].items()}
    assert with_posters == {"ml-100k": 1_642, "ml-1m": 3_531, "ml-latest-small": 9_529}
