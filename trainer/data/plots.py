"""What OMDb, TMDB and DBpedia tell of MovieLens films: plots, people, countries, languages.

Votes, scores and awards are never read: they were gathered after release and would leak the future.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from streaming.events import Item
from trainer.data.layouts import Layout
from trainer.data.poster_tables import MAP_FILE
from trainer.data.tables import table_rows
from trainer.exceptions import DataError

FOLDER = "plots"
OMDB = {Layout.ML_100K: "ml-100k_omdb.jsonl", Layout.ML_1M: "ml-1m_omdb.jsonl"}
OVERVIEWS = "ml-latest-small_tmdb_overviews.csv"
ABSTRACTS = "ml-1m_dbpedia_abstracts.json"
LATEST = "ml-latest-small"
"""In the map of posters, which also says by what IMDb id each film goes."""


@dataclass(frozen=True)
class Told:
    """What is told of a film; empty is not known."""

    text: str = ""
    directors: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    imdb: str = ""


def with_plots(items: Sequence[Item], data: Path, layout: Layout) -> list[Item]:
    """``items`` of a set of ``layout``, what they lack filled by the files below ``data``.

    ML-100K and ML-1M have OMDb's plots and people, films of ML-1M without a plot DBpedia's abstracts. The
    later sets have TMDB's overviews; those of their films that are in ML-1M by their IMDb id have people.

    Raises:
        DataError: naming file and row, if a file is missing or bad, or there are none for such a set.
    """
    told = told_of(data, layout)
    return [_filled(item, told.get(item.item_id.partition(":")[2], Told())) for item in items]


def told_of(data: Path, layout: Layout) -> dict[str, Told]:
    """What is told of the films of ``layout``, by their MovieLens numbers.

    Raises:
        DataError: as :func:`with_plots`.
    """
    folder = data / FOLDER
    if layout is Layout.ML_CSV:
        return _latest(data)
    if layout not in OMDB:
        raise DataError(folder, f"has plots of MovieLens films; {layout} data bring their own")
    told = omdb(folder / OMDB[layout])
    if layout is Layout.ML_1M:
        for number, text in abstracts(folder / ABSTRACTS).items():
            known = told.get(number, Told())
            told[number] = replace(known, text=known.text or text)
    return told


def _latest(data: Path) -> dict[str, Told]:
    people = {film.imdb: film for film in omdb(data / FOLDER / OMDB[Layout.ML_1M]).values() if film.imdb}
    imdb = {
        fields["item_id"]: fields["imdb"]
        for _, fields in table_rows(data / MAP_FILE, ("dataset", "item_id", "imdb"))
        if fields["dataset"] == LATEST
    }
    return {
        number: replace(people.get(imdb.get(number, ""), Told()), text=text)
        for number, text in overviews(data / FOLDER / OVERVIEWS).items()
    }


def _filled(item: Item, told: Told) -> Item:
    return msgspec.structs.replace(
        item,
        text=item.text or told.text,
        directors=item.directors or told.directors,
        cast=item.cast or told.cast,
        countries=item.countries or told.countries,
        languages=item.languages or told.languages,
    )


def omdb(file: Path) -> dict[str, Told]:
    """OMDb's films, one JSON object a line, by their MovieLens numbers.

    Raises:
        DataError: naming file and row, if it is missing or bad.
    """
    return dict(_omdb(file))


def _omdb(file: Path) -> Iterator[tuple[str, Told]]:
    try:
        with file.open(encoding="utf-8-sig") as lines:
            for row, line in enumerate(lines, 1):
                try:
                    entry = json.loads(line)
                    yield str(entry["movie_id"]), _entry(entry)
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    raise DataError(file, f"is no film: {error!r}", row) from None
    except OSError as error:
        raise DataError(file, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DataError(file, f"is not UTF-8: {error.reason}") from None


def _entry(entry: dict[str, Any]) -> Told:
    plot = entry.get("plot") or ""
    return Told(
        text="" if plot == "N/A" else plot,
        directors=_names(entry, "director"),
        cast=_names(entry, "actors"),
        countries=_names(entry, "country"),
        languages=_names(entry, "language"),
        imdb=entry.get("imdbId") or "",
    )


def _names(entry: dict[str, Any], key: str) -> tuple[str, ...]:
    value: str = entry.get(key) or ""
    return tuple(name for part in value.split(",") if (name := part.strip()) and name != "N/A")


def overviews(file: Path) -> dict[str, str]:
    """TMDB's overviews, by MovieLens numbers.

    Raises:
        DataError: naming file and row, if it is missing or bad.
    """
    return {fields["movieId"]: fields["overview"] for _, fields in table_rows(file, ("movieId", "overview"))}


def abstracts(file: Path) -> dict[str, str]:
    """DBpedia's abstracts, by MovieLens numbers.

    Raises:
        DataError: naming the file, if it is missing or bad.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except OSError as error:
        raise DataError(file, f"cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(file, str(error)) from None
