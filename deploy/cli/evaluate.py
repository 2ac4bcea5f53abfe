"""``marquee evaluate``: how good is what is served?"""

from __future__ import annotations

import json
from pathlib import Path

import click

from deploy.cli import output
from deploy.cli.paths import GivenPath
from deploy.cli.training_options import FEW_RATINGS

FILE = GivenPath(exists=True, dir_okay=False, path_type=Path)
FOLDER = GivenPath(file_okay=False, path_type=Path)
MOST_PLACES = 200
"""What the first stage retrieves."""


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
@click.option("--train", type=FILE, required=True, help="ratings to learn from, see below")
@click.option("--test", type=FILE, required=True, help="ratings to score on, in the same form or another")
@click.option(
    "--items", type=FILE, required=True, help="films: movies.csv, movies.dat, u.item, or your own items"
)
@click.option("--dim", type=click.IntRange(8, 2048), help="of the space; else chosen on validation")
@click.option("--rerank/--no-rerank", default=True, show_default=True, help="train a re-ranker too")
@FEW_RATINGS
@click.option("--seed", default=0, show_default=True, help="of validation cuts and of the re-ranker")
@click.option("--k", type=click.IntRange(1, MOST_PLACES), default=10, show_default=True, help="places scored")
@click.option("--out", type=FOLDER, help="write result.json, result.md and result.png there too")
@click.option("--json", "as_json", is_flag=True, help="one JSON object on standard output")
def served(
    train: Path,
    test: Path,
    items: Path,
    dim: int | None,
    rerank: bool,
    few_ratings: int,
    seed: int,
    k: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Train on --train alone, ask for each user of --test, and score: plain and re-ranked.

    NDCG, recall, precision, MAP and MRR of the first --k films; coverage, Gini, intra-list diversity, novelty
    and calibration of the lists. A film counts as found where the test rating is 4 or more. Dimension,
    lambda, neutral weight and like threshold are chosen on a validation part of --train, by NDCG@10.

    Files of ratings are those of MovieLens (.csv with userId, .dat, tabs between; also .gz) or your own (.csv
    or .parquet with user_id, item_id, value; docs/cli.md, "Importing"); so are those of films. The three may
    have different forms: numbers of MovieLens are then the ids ml:1, ml:2, ...

    Exit code 2: a file is missing or bad; the message names file and row.

    \b
    Examples:
      tar xf model_store/data/ml-latest-small.tar.xz
      awk -F, 'NR == 1 || NR % 10' ml-latest-small/ratings.csv > train.csv
      awk -F, 'NR == 1 || NR % 10 == 0' ml-latest-small/ratings.csv > test.csv
      marquee evaluate served --train train.csv --test test.csv --items ml-latest-small/movies.csv
      marquee evaluate served --train train.csv --test test.csv --items ml-latest-small/movies.csv --k 20
    """
    from trainer.data.folder import read_files

    # first, since what follows loads torch, which takes longer than to find a bad row
    files = read_files(train, test, items)
    from trainer.evaluation.report import evaluate_served
    from trainer.evaluation.served_report import table_of, write_report

    def say(line: str) -> None:
        click.echo(line, err=True)

    found = evaluate_served(files, dim, rerank, seed, say, k=k, few=few_ratings)
    if out is not None:
        for path in write_report(found, f"Quality of what is served, {test.name}", out):
            say(f"written: {path}")
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    title = f"{found['users']} users of {test.name}"
    output.out().print(output.table(title, ("measure", "plain", "re-ranked"), table_of(found), (1, 2)))
    click.echo(f"chosen on validation: {found['chosen']}")


@command.command(name="all")
@click.option("--quick", is_flag=True, help="small slices of the shipped data; asserts behaviour, not scores")
@click.option("--only", default="", help="the row of this name, else all whose names begin so")
@click.option(
    "--out",
    type=FOLDER,
    default=Path("docs/results"),
    show_default=True,
    help="folder of one JSON file a finished row",
)
@click.option("--list", "list_rows", is_flag=True, help="show the rows and stop")
@output.AS_JSON
def everything(quick: bool, only: str, out: Path, list_rows: bool, as_json: bool) -> None:
    """Every row of docs/results.md; rows whose inputs have not changed are skipped, so it can be resumed.

    Ends with a table of the rows asked for; the page results.md and the picture pictures/results.png, both
    of all rows, are written beside the folder --out.

    Real data are found through MARQUEE_DATA (default ../shared/data); rows without their data are skipped.

    Exit code 1: a behaviour does not hold (--quick).

    \b
    Examples:
      marquee evaluate all --quick
      marquee evaluate all --list
      marquee evaluate all --only ml-100k
      marquee evaluate all --only ml-100k-ratings --json
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
    groups = run_rows(out, only, lambda line: click.echo(line, err=True))
    if as_json:
        rows = [
            {"what": one.what, "goal": one.goal, "figure": one.figure, "command": one.command}
            for one in groups
        ]
        output.print_json({"rows": rows})
        return
    cells = [(one.what, one.goal, one.figure) for one in groups]
    output.out().print(output.table("Results", ("what", "goal", "figure"), cells))


@command.command()
@click.option("--package", default="item-encoder@5", show_default=True, help="of the map")
@click.option(
    "--results",
    type=FOLDER,
    default=Path("docs/results"),
    show_default=True,
    help="folder of the finished rows",
)
@click.option("--log", type=FILE, help="a training's log.csv: its learning curves, and nothing else")
@click.option(
    "--out",
    type=FOLDER,
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
