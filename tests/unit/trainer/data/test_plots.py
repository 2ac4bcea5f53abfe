"""What OMDb, TMDB and DBpedia tell of films reaches those that lack it, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streaming.events import Item
from trainer.data.layouts import Layout
from trainer.data.plots import abstracts, omdb, overviews, with_plots
from trainer.exceptions import DataError

TOY = {
    "movie_id": 1,
    "imdbId": "tt0114709",
    "plot": "A cowboy doll is jealous.",
    "director": "John Lasseter",
    "actors": "Tom Hanks, Tim Allen",
    "language": "English",
    "country": "N/A",
    "imdbrating": "8.3",
}


def write_plots(data: Path) -> Path:
    """Plots of three sets below ``data``, and the map of films."""
    folder = data / "plots"
    folder.mkdir(parents=True)
    lines = [json.dumps(TOY), json.dumps({"movie_id": 2, "plot": "N/A", "imdbId": "tt0000002"})]
    for name in ("ml-100k", "ml-1m"):
        (folder / f"{name}_omdb.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "ml-1m_dbpedia_abstracts.json").write_text('{"1": "An abstract.", "2": "Another."}')
    (folder / "ml-latest-small_tmdb_overviews.csv").write_text(
        'movieId,title,overview\n7,Toy Story (1995),"Led by Woody, toys live."\n8,Other (2000),\n'
    )
    rows = ("ml-100k,7,tt9999999,0,x", "ml-latest-small,7,tt0114709,1,x", "ml-latest-small,8,,0,x")
    (data / "poster_map.csv").write_text("dataset,item_id,imdb,has_poster,source\n" + "\n".join(rows) + "\n")
    return data


def test_films_of_ml_100k_have_plots_and_people(tmp_path: Path) -> None:
    items = [Item(item_id="ml100k:1", title="Toy Story"), Item(item_id="ml100k:3", title="Nobody knows")]
    toy, other = with_plots(items, write_plots(tmp_path), Layout.ML_100K)
    assert toy.text == "A cowboy doll is jealous."
    assert (toy.directors, toy.cast) == (("John Lasseter",), ("Tom Hanks", "Tim Allen"))
    assert (toy.countries, toy.languages) == ((), ("English",))
    assert other == items[1]


def test_an_abstract_stands_in_for_a_plot_that_ml_1m_lacks(tmp_path: Path) -> None:
    items = [Item(item_id="ml:1", title="Toy Story"), Item(item_id="ml:2", title="Other")]
    found = with_plots(items, write_plots(tmp_path), Layout.ML_1M)
    assert [item.text for item in found] == ["A cowboy doll is jealous.", "Another."]


def test_later_sets_have_overviews_and_the_people_of_the_same_film(tmp_path: Path) -> None:
    items = [Item(item_id="ml:7", title="Toy Story"), Item(item_id="ml:8", title="Other")]
    toy, other = with_plots(items, write_plots(tmp_path), Layout.ML_CSV)
    assert toy.text == "Led by Woody, toys live."
    # number 7 of ML-100K is another film
    assert toy.directors == ("John Lasseter",)
    assert other == items[1]


def test_what_a_film_says_of_itself_stays(tmp_path: Path) -> None:
    item = Item(item_id="ml:1", title="Toy Story", text="My own.", cast=("Me",))
    (found,) = with_plots([item], write_plots(tmp_path), Layout.ML_1M)
    assert (found.text, found.cast, found.directors) == ("My own.", ("Me",), ("John Lasseter",))


def test_a_set_of_ones_own_has_texts_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="own data bring their own"):
        with_plots([], write_plots(tmp_path), Layout.OWN)


@pytest.mark.parametrize("line", ["{", '{"plot": "x"}', "3", '{"movie_id": 1, "director": 3}'])
def test_a_bad_line_of_omdb_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "o.jsonl"
    file.write_text(json.dumps(TOY) + "\n" + line + "\n")
    with pytest.raises(DataError, match=r"o\.jsonl, row 2: is no film"):
        omdb(file)


def test_overviews_name_file_and_row(tmp_path: Path) -> None:
    file = tmp_path / "o.csv"
    file.write_text("movieId,overview\n1,Fine\n2\n")
    with pytest.raises(DataError, match=r"o\.csv, row 2: has too few fields"):
        overviews(file)
    file.write_text("movieId,plot\n1,Fine\n")
    with pytest.raises(DataError, match="no column overview"):
        overviews(file)
    with pytest.raises(DataError, match="cannot be read"):
        overviews(tmp_path / "none.csv")


def test_abstracts_name_their_file(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"1": 2}')
    with pytest.raises(DataError, match=r"a\.json: Expected `str`"):
        abstracts(file)
    with pytest.raises(DataError, match="cannot be read"):
        abstracts(tmp_path / "none.json")
