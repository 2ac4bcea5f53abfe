"""``marquee item``: put, show or remove one film."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from deploy.cli.client import GatewayClient
from deploy.cli.ids import removable_id, some_id
from deploy.cli.output import AS_JSON, err, out, print_json, table
from deploy.cli.paths import GivenPath
from deploy.cli.settings import load_settings
from streaming.events import Item
from streaming.exceptions import MarqueeError
from streaming.posters import InvalidPosterError, check_poster

FIELDS = Item.__struct_fields__
SAID = ("indexed", "space", "likes")
"""What `item show` answers beside the film, so that its answer can be changed and put again."""
LISTS = ("genres", "directors", "cast", "countries", "languages")


@click.group()
def command() -> None:
    """Put, show or remove one film.

    \b
    Examples:
      marquee item put my:1 --title "Sintel" --year 2010 --poster model_store/data/frames/sintel.webp
      marquee item show my:1
      marquee item remove my:1
    """


@command.command()
@click.argument("item", callback=some_id)
@click.option("--title")
@click.option("--year", type=int)
@click.option("--genre", "genres", multiple=True, help="repeat for more")
@click.option("--text", help="plot or description")
@click.option("--director", "directors", multiple=True, help="repeat for more")
@click.option("--cast", multiple=True, help="repeat for more")
@click.option("--country", "countries", multiple=True, help="repeat for more")
@click.option("--language", "languages", multiple=True, help="repeat for more")
@click.option("--poster-url", help="kept as it is; not fetched")
@click.option(
    "--poster", type=GivenPath(exists=True, dir_okay=False, path_type=Path), help="image, at most 5 MB"
)
@click.option(
    "--from", "source", type=click.File("r"), help="a JSON file of fields, - for stdin; options win"
)
@AS_JSON
def put(item: str, poster: Path | None, source: Any, as_json: bool, **options: Any) -> None:
    """Put film ITEM as it is to be from now on: fields that are not given are empty, but a
    poster that it has stays.

    \b
    Examples:
      marquee item put my:1 --title "Sintel" --year 2010 --genre Animation --genre Fantasy
      marquee item put my:1 --title "Sintel" --year 2010 --poster model_store/data/frames/sintel.webp
      echo '{"title": "Sintel"}' | marquee item put my:1 --from -
    """
    fields = fields_of(source.read() if source else None, options)
    picture = None if poster is None else poster_of(poster)
    with GatewayClient(load_settings()) as gateway:
        fresh = new_genres(fields.get("genres") or (), gateway)
        answer = gateway.put_item(item, {"item_id": item} | fields)
        if picture is not None:
            try:
                answer = gateway.put_poster(item, picture)
            except MarqueeError as error:
                raise type(error)(f"{item} was put, its poster was not: {error}") from None
    if as_json:
        print_json(answer)
    else:
        out().print(f"{item} put, acknowledged", markup=False, highlight=False)
    if fresh:
        err().print(
            f"no film had the genre {', '.join(fresh)}; `marquee genres` lists those there are",
            markup=False,
            highlight=False,
        )


def new_genres(genres: Sequence[str], gateway: GatewayClient) -> list[str]:
    """Those of ``genres`` that no film has; none where the gateway cannot say."""
    if not genres:
        return []
    try:
        known = {genre.casefold() for genre in gateway.genres()["genres"]}
    except MarqueeError:
        return []
    # before the first film is indexed all are new, which nobody needs to be told
    return [genre for genre in genres if known and genre.casefold() not in known]


@command.command()
@click.argument("item", callback=some_id)
@AS_JSON
def show(item: str, as_json: bool) -> None:
    """Show film ITEM as the gateway knows it.

    \b
    Example:
      marquee item show ml:296 --json
    """
    with GatewayClient(load_settings()) as gateway:
        answer = gateway.item(item)
    if as_json:
        print_json(answer)
    else:
        rows = [(k, str(v) if k == "year" else v) for k, v in answer.items() if v not in ("", None, [], ())]
        out().print(table(item, ("field", "value"), rows))


@command.command()
@click.argument("item", callback=removable_id)
@AS_JSON
def remove(item: str, as_json: bool) -> None:
    """Remove film ITEM: it is recommended no more and leaves the profiles of those who liked it.

    \b
    Example:
      marquee item remove my:1
    """
    with GatewayClient(load_settings()) as gateway:
        answer = gateway.delete_item(item)
    if as_json:
        print_json(answer or {"item_id": item, "removed": True})
    else:
        out().print(f"{item} removed, acknowledged", markup=False, highlight=False)


def poster_of(path: Path) -> bytes:
    """The file, once it is known to be a poster: the gateway would refuse it after the film was put.

    Raises:
        click.BadParameter: it is none, and why.
    """
    content = path.read_bytes()
    try:
        check_poster(content)
    except InvalidPosterError as error:
        raise click.BadParameter(f"{path}: {error}; nothing was put", param_hint="--poster") from None
    return content


def unknown_field(name: str) -> str:
    """The sentence for a field that no film has: which it may have been, and which there are."""
    near = get_close_matches(name, FIELDS, 1)
    guess = f": did you mean {near[0]!r}?" if near else "."
    return f"no film has a field {name!r}{guess} There are {', '.join(FIELDS)}"


def fields_of(content: str | None, options: dict[str, Any]) -> dict[str, Any]:
    """The film's fields: those of a JSON object, those given as options over them.

    Raises:
        click.UsageError: the content is no JSON object, has a field that no film has, or there is no title.
    """
    fields: dict[str, Any] = {}
    if content is not None:
        try:
            fields = json.loads(content)
        except ValueError as error:
            raise click.UsageError(f"--from is no JSON: {error}") from None
        if not isinstance(fields, dict):
            raise click.UsageError("--from holds no JSON object")
        for name in SAID:
            fields.pop(name, None)
        if unknown := [name for name in fields if name not in FIELDS]:
            raise click.UsageError(f"--from: {unknown_field(unknown[0])}")
    given = {name: list(v) if name in LISTS else v for name, v in options.items() if v not in (None, ())}
    fields |= given
    fields.pop("item_id", None)
    if not fields.get("title"):
        raise click.UsageError("a film needs a --title")
    return fields
