"""Scenes 1 to 3: the stack, a model in service, real films and ratings through Kafka."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Mapping

from rich.console import Console

from deploy.cli.output import bars, table, working
from deploy.cli.settings import load_settings
from deploy.data.importing import DataImport, ImportResult, Watcher
from deploy.data.interrupt import Interrupt
from deploy.data.lag import wait_applied
from deploy.demo.counting import counting, cutoffs, passed_over
from deploy.demo.exact import read_documents, read_vectors
from deploy.demo.stage import MADE, Stage, marquee, until
from deploy.demo.tastes import likes_of
from deploy.rollout import start_space
from deploy.stack.control import supervisor_pid
from deploy.stack.exceptions import StartError
from streaming.control.documents import SpaceDocument
from streaming.control.reader import read_control
from streaming.documents import Ratings as Documented
from streaming.milvus.client import MilvusStore
from streaming.settings import Settings
from trainer.data import SHIPPED, Ratings, all_ratings, load_items, resolve

PACKAGE = "item-encoder@5"
APPLIED_TIMEOUT_S = 900.0
ROWS_TIMEOUT_S = 120.0
MANY = 1_000
"""Films from which on their rate says something."""


def start_stack(console: Console) -> Settings:
    """Everything up and healthy, without a terminal to watch too; the settings that reach it."""
    before = load_settings()
    console.print(f"files of this installation lie in [bold]{before.home.absolute()}[/]", highlight=False)
    ports = ["--port-base", os.environ["DEMO_PORT_BASE"]] if "DEMO_PORT_BASE" in os.environ else []
    marquee("stack", "up", "--timeout", "300", *ports)
    return load_settings()


def space_in_service(settings: Settings, console: Console) -> SpaceDocument:
    """The champion, if it is of the demo's package; else one is made and promoted."""
    state = read_control(settings)
    champion = state.live.get(state.route.champion) if state.route else None
    if champion is not None and f"{champion.package}@{champion.version}" == PACKAGE:
        console.print(f"space [bold]{champion.space}[/] is in service already", highlight=False)
        return champion
    with working("putting the item encoder into service", console=console) as tell:
        space = start_space(
            settings, PACKAGE, operator=getpass.getuser(), reason="demo", promote=True, step=tell
        )
    console.print(f"space [bold]{space.space}[/], {space.dim} dimensions, is the champion", highlight=False)
    return space


def import_shipped(stage: Stage) -> None:
    """9,742 films and 100,836 ratings through Kafka, until nothing lags behind; counts what arrived."""
    settings, report = stage.settings, stage.report
    with bars() as shown, Interrupt() as interrupt:

        def progress(label: str, done: int, total: int) -> None:
            interrupt.check()
            shown.update(label, done, total)
            if supervisor_pid(settings.home) is None:
                raise StartError(
                    "nobody keeps the stack up any more: `marquee stack logs supervisor` says why;"
                    " `marquee stack up` mends it, then this goes on where it was"
                )

        watcher = Watcher(progress=shown.update, check=interrupt.check)
        began = time.perf_counter()
        result = DataImport(settings, SHIPPED, watcher=watcher).run()
        sent = time.perf_counter()
        folded = wait_applied(settings, [], APPLIED_TIMEOUT_S, progress)
        applied = time.perf_counter()
        wait_applied(settings, [stage.space], APPLIED_TIMEOUT_S, progress)
        indexed = time.perf_counter()
    folder = resolve(SHIPPED)
    stage.films = {item.item_id: item for item in load_items(folder)}
    shipped = all_ratings(folder)
    ratings = counting(shipped, cutoffs(settings))
    if erased := passed_over(shipped, ratings):
        stage.say(erased)
    stage.likes = likes_of(ratings)
    _wait_for_rows(stage, ratings)
    documents = read_documents(settings)
    # a run that was killed could not forget what it made; its film would stand beside the new one
    stage.made_users += [user_id for user_id in documents if user_id.startswith(MADE)]
    stage.made_items += [i for i in read_vectors(settings, stage.space) if i.startswith(MADE)]
    stage.forget()
    report.add(
        **_sent(result),
        ratings_applied=ratings_applied(documents, ratings),
        ratings_erased=len(shipped) - len(ratings),
        import_s=round(sent - began, 2),
        ledger_behind_s=round(folded, 2),
        ledger_events_per_second=round(result.ratings / (applied - began)),
        indexing_s=round(indexed - began, 2),
        items_per_second=round(result.items_sent / (indexed - began), 1)
        if result.items_sent >= MANY
        else None,
    )
    stage.console.print(
        table(
            "lag is zero",
            ("what", "value"),
            [
                ("ratings sent (acknowledged by Kafka)", report.values["ratings_sent"]),
                ("ratings found in user documents", report.values["ratings_applied"]),
                (
                    "films sent / there already, so not sent again",
                    f"{result.items_sent:,} / {result.items_unchanged:,}",
                ),
                ("ratings a second, sent to folded", report.values["ledger_events_per_second"]),
                ("seconds until every film was indexed", report.values["indexing_s"]),
            ],
            right=[1],
        )
    )


def _sent(result: ImportResult) -> dict[str, int]:
    """Ratings acknowledged by this import, those before a kill included."""
    return {
        "ratings_sent": result.ratings_resumed_at + result.ratings_sent,
        "items_sent": result.items_sent,
        "items_unchanged": result.items_unchanged,
    }


def ratings_applied(documents: Mapping[str, Documented], ratings: Ratings) -> int:
    """How many of ``ratings`` the user documents hold: same value and time, or a newer one over it."""
    applied = 0
    columns = (ratings.user_ids, ratings.item_ids, ratings.values, ratings.event_time_ms)
    for user_id, item_id, value, at in zip(*(column.tolist() for column in columns), strict=True):
        held = documents.get(user_id, {}).get(item_id)
        applied += held is not None and (held == (value, at) or held[1] > at)
    return applied


def items_indexed(stage: Stage, store: MilvusStore) -> int:
    """How many of the imported films and of those that this run made have a row in Milvus."""
    wanted = [*stage.films, *stage.made_items]
    return len(store.parts(stage.space.items_collection, "item_id", wanted))


def _wait_for_rows(stage: Stage, ratings: Ratings) -> None:
    """Rows trail the topics by a moment; the check later says whether they are right."""
    store, users = MilvusStore(stage.settings), sorted(set(ratings.user_ids.tolist()))

    def there() -> bool:
        rows = store.parts(stage.space.users_collection, "user_id", users)
        return len(rows) == len(users) and items_indexed(stage, store) == len(stage.films)

    with working("waiting for the last rows in Milvus", console=stage.console):
        until(there, ROWS_TIMEOUT_S, "every user and film having a row", pause_s=0.5)
    store.close()
