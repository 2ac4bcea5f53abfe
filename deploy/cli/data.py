"""``marquee data``: films and ratings in, user documents and films out."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deploy.cli.output import AS_JSON, Bars, bars, err, out, print_json, table, working
from deploy.cli.paths import GivenPath
from deploy.cli.settings import load_settings, require_kafka
from deploy.cli.stopping import INTERRUPTED
from deploy.moments import moment
from streaming.settings import Settings

if TYPE_CHECKING:
    from deploy.data.interrupt import Interrupt


@click.group()
def command() -> None:
    """Import and export ratings and films.

    \b
    Examples:
      marquee data import shipped --wait
      export MARQUEE_DATA=../shared/data      # where your data lie: docs/train.md
      marquee data import shipped --posters "$MARQUEE_DATA/posters" --rate 20000
      marquee data export --until 2026-01-01T00:00:00Z --out export
      marquee data describe shipped
    """


@command.command()
@click.argument("path", type=GivenPath())
@AS_JSON
def describe(path: str, as_json: bool) -> None:
    """The data card of PATH: how much, how dense, how skewed, what is missing.

    PATH is as for `data import` (a folder of a known layout, a file of ratings in one, or `shipped`), or a
    folder of MMTF-14K (valid_features.tsv), of posters (posters/ beside poster_map.csv or
    poster_genres.csv), or of video clips (*.mp4, *.webm, *.mkv, *.mov).
    Exit code 2: the data are bad; the message names file and row.

    \b
    Examples:
      marquee data describe shipped
      export MARQUEE_DATA=../shared/data      # where your data lie: docs/train.md
      marquee data describe "$MARQUEE_DATA"
      marquee data describe "$MARQUEE_DATA/mmtf14k_sample"
      marquee data describe "$MARQUEE_DATA/video" --json
      tar xf model_store/data/ml-latest-small.tar.xz && marquee data describe ml-latest-small --json
    """
    from trainer.data import resolve
    from trainer.data.cards import markdown
    from trainer.data.described import describe as describe_data

    with working("reading", as_json):
        found = describe_data(resolve(path))
    if as_json:
        print_json(found)
    else:
        click.echo(markdown(path, found), nl=False)


@command.command("import")
@click.argument("path", type=GivenPath())
@click.option(
    "--posters", type=GivenPath(exists=True, file_okay=False, path_type=Path), help="folder of poster files"
)
@click.option("--limit", type=click.IntRange(1), help="only the oldest N ratings (and all films)")
@click.option("--rate", type=click.FloatRange(0), default=0.0, help="ratings a second at most; 0 is no limit")
@click.option("--dry-run", is_flag=True, help="read and check everything, posters too; send nothing")
@click.option("--wait", is_flag=True, help="until the ledger has applied and every space indexed all of it")
@click.option("--timeout", type=float, default=3600.0, show_default=True, help="of --wait, in seconds")
@AS_JSON
def import_(
    path: str,
    posters: Path | None,
    limit: int | None,
    rate: float,
    dry_run: bool,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Send the data set at PATH through Kafka, in event-time order.

    PATH is a folder of MovieLens 100K, 1M, latest, latest-small, 20M or 25M, a folder that `data export`
    wrote, a folder of your own, or the word `shipped`: the data that come with Marquee. Numbers of MovieLens
    get their namespace: ml:296, ml100k:56. An import that was killed goes on where it was; importing again
    changes nothing.

    A folder of your own holds ratings.csv (user_id, item_id, value, maybe event_time) and items.csv (item_id,
    title, maybe year, genres, text, ...), or both as .parquet, and maybe images in posters/; ids stay as they
    are. docs/cli.md ("Importing") has every column.

    \b
    Examples:
      marquee data import shipped --wait
      tar xf model_store/data/ml-latest-small.tar.xz && marquee data import ml-latest-small --dry-run
      export MARQUEE_DATA=../shared/data      # where your data lie: docs/train.md
      marquee data import shipped --posters "$MARQUEE_DATA/posters" --rate 5000 --json
    """
    from deploy.data.importing import DataImport, Watcher
    from deploy.data.interrupt import Interrupt
    from deploy.data.refused import told
    from trainer.data import detect_layout, resolve

    settings = load_settings()
    detect_layout(resolve(path))  # a mistyped path is told before anybody looks for Kafka
    if not dry_run:
        require_kafka(settings)
    with _resumable(), bars(quiet=as_json) as shown, Interrupt() as interrupt:
        watcher = Watcher(progress=shown.update, step=shown.step, check=interrupt.check)
        job = DataImport(settings, path, posters=posters, limit=limit, rate=rate, watcher=watcher)
        result = job.dry_run() if dry_run else job.run()
        waited = _wait(settings, timeout, shown, interrupt) if wait and not dry_run else None
    for line in told(result.refused_posters):
        err().print(line, markup=False, highlight=False, soft_wrap=True)
    report = result.as_json() | ({} if waited is None else {"waited_s": round(waited, 2)})
    if as_json:
        print_json(report)
        return
    title = "checked, nothing sent" if dry_run else "imported"
    out().print(table(title, ("what", "value"), imported_rows(report)))


def imported_rows(report: dict[str, Any]) -> list[tuple[str, Any]]:
    """What an import says to people: nothing that is empty, and of zeros those that say what was sent."""
    told = {"items", "ratings"} | (set() if report["dry_run"] else {"items_sent", "ratings_sent"})
    left_out = {"refused_posters", "dry_run"}  # named on stderr; in the title
    return [(k, v) for k, v in report.items() if k not in left_out and (v or k in told)]


@contextmanager
def _resumable() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends now; pressed again, it would end in a trace
        err().print("stopped; the same command goes on from here")
        sys.exit(INTERRUPTED)


def _wait(settings: Settings, timeout: float, shown: Bars, interrupt: Interrupt) -> float:
    from deploy.data.lag import wait_applied
    from streaming.control.reader import read_control

    shown.step("waiting for the ledger and the spaces")
    spaces = list(read_control(settings).live.values())

    def progress(name: str, done: int, total: int) -> None:
        interrupt.check()
        shown.update(name, done, total)

    return wait_applied(settings, spaces, timeout, progress)


@command.command()
@click.option(
    "--until", required=True, type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]), help="cut-off, UTC"
)
@click.option("--out", "folder", required=True, type=GivenPath(path_type=Path), help="folder to write")
@click.option("--force", is_flag=True, help="replace an earlier export that lies there")
@AS_JSON
def export(until: click.DateTime, folder: Path, force: bool, as_json: bool) -> None:
    """Write user documents and films as Parquet: what `marquee train space` takes as it is.

    users.parquet holds user_id, item_id, value (null: taken back) and event_time_ms of every rating whose
    event time is not after the cut-off; export.json the offsets and the fingerprint. A folder that holds
    anything is refused (exit code 2); --force replaces an earlier export, and nothing else.

    \b
    Examples:
      marquee data export --until 2026-01-01 --out export
      marquee data export --until 2026-02-01 --out export --force
    """
    from deploy.data.export import export as export_to
    from deploy.data.export import require_free

    assert isinstance(until, datetime)
    until_ms = int(until.replace(tzinfo=UTC).timestamp() * 1000)
    require_free(folder, force)  # told before anybody looks for Kafka
    with working("reading to the end", as_json) as tell:
        result = export_to(require_kafka(load_settings()), until_ms, folder, tell)
    from dataclasses import asdict

    if as_json:
        print_json(asdict(result))
    else:
        out().print(table("exported", ("what", "value"), exported_rows(asdict(result))))


def exported_rows(result: dict[str, Any]) -> list[tuple[str, Any]]:
    """What an export says to people: its cut-off as a date, no offsets."""
    rows = {"until": moment(result["until_ms"])} | result
    return [(k, v) for k, v in rows.items() if k != "until_ms" and not k.endswith("_offsets")]
