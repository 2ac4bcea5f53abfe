"""``marquee evaluate``: how good is what is served?"""

from __future__ import annotations

import json
from pathlib import Path

import click

from deploy.cli import output

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Measure quality offline: full ranking, seen films excluded, nothing chosen on test data.

    \b
    Examples:
      marquee evaluate all --quick
      marquee evaluate all --only ml-100k
      marquee evaluate pictures
    """


@command.command()
@click.option("--train", type=FILE, required=True, help="ratings to learn from (.csv, .dat, tabs; .gz)")
@click.option("--test", type=FILE, required=True, help="ratings to score on, in the same form or another")
@click.option("--items", type=FILE, required=True, help="films: movies.csv, movies.dat or u.item")
@click.option("--dim", type=click.IntRange(8, 2048), help="of the space; else chosen on validation")
@click.option("--rerank/--no-rerank", default=True, show_default=True, help="train a re-ranker too")
@click.option("--seed", default=0, show_default=True, help="of validation cuts and of the re-ranker")
@click.option("--json", "as_json", is_flag=True, help="one JSON object on standard output")
def served(
    train: Path, test: Path, items: Path, dim: int | None, rerank: bool, seed: int, as_json: bool
) -> None:
    """Train on --train alone, ask for each user of --test, and score: plain and re-ranked.

    A film counts as found where the test rating is 4 or more. Dimension, lambda, neutral weight and like
    threshold are chosen on a validation part of --train.

    Exit code 2: a file is missing or bad; the message names file and row.

    \b
    Examples:
      tar xf model_store/data/ml-latest-small.tar.xz
      awk -F, 'NR == 1 || NR % 10' ml-latest-small/ratings.csv > train.csv
      awk -F, 'NR == 1 || NR % 10 == 0' ml-latest-small/ratings.csv > test.csv
      marquee evaluate served --train train.csv --test test.csv --items ml-latest-small/movies.csv
    """
    from trainer.data.folder import read_files
    from trainer.evaluation.report import evaluate_served

    def say(line: str) -> None:
        click.echo(line, err=True)

    found = evaluate_served(read_files(train, test, items), dim, rerank, seed, say)
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    from rich.table import Table

    table = Table("measure", "plain", "re-ranked", title=f"{found['users']} users of {test.name}")
    for name in ("ndcg@10", "recall@10", "coverage"):
        table.add_row(name, *(f"{found[name][kind]:.4f}" for kind in ("plain", "reranked")))
    output.out().print(table)
    click.echo(f"chosen on validation: {found['chosen']}")


@command.command(name="all")
@click.option("--quick", is_flag=True, help="small slices of the shipped data; asserts behaviour, not scores")
@click.option("--only", default="", help="only rows whose name begins so")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("docs/results"),
    show_default=True,
    help="folder of one JSON file a finished row",
)
@click.option("--list", "list_rows", is_flag=True, help="show the rows and stop")
def everything(quick: bool, only: str, out: Path, list_rows: bool) -> None:
    """Every row of docs/results.md; rows whose inputs have not changed are skipped, so it can be resumed.

    Real data are found through MARQUEE_DATA (default ../shared/data); rows without their data are skipped.

    Exit code 1: a behaviour does not hold (--quick).

    \b
    Examples:
      marquee evaluate all --quick
      marquee evaluate all --list
      marquee evaluate all --only ml-100k
    """
    if quick:
        from trainer.evaluation.quick import run_quick

        problems = run_quick(lambda line: click.echo(line))
        for problem in problems:
            click.secho(problem, fg="red", err=True)
        raise SystemExit(1 if problems else 0)
    from trainer.evaluation.results import ROWS, run_rows

    if list_rows:
        for row in ROWS:
            click.echo(f"{row.name:24} {row.goal}")
        return
    run_rows(out, only, lambda line: click.echo(line, err=True))


@command.command()
@click.option("--package", default="item-encoder@4", show_default=True, help="of the map")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("docs/results"),
    show_default=True,
    help="folder of the finished rows",
)
@click.option("--log", type=FILE, help="a training's log.csv: its learning curves, and nothing else")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("docs/pictures"),
    show_default=True,
    help="folder of the PNG files",
)
def pictures(package: str, results: Path, log: Path | None, out: Path) -> None:
    """Draw the map of the space and the curve of films with few ratings; or a training's learning curves.

    \b
    Examples:
      marquee evaluate pictures
      marquee evaluate pictures --package item-encoder@1 --out pictures
    """
    from trainer.evaluation.pictures import (
        COLD_FILE,
        CURVES_FILE,
        MAP_FILE,
        draw_cold_start,
        draw_curves,
        draw_map,
    )

    if log is not None:
        draw_curves(log, out / CURVES_FILE)
        click.echo(out / CURVES_FILE)
        return
    draw_cold_start(results, out / COLD_FILE)
    click.echo(out / COLD_FILE)
    draw_map(package, out / MAP_FILE, lambda line: click.echo(line, err=True))
    click.echo(out / MAP_FILE)
