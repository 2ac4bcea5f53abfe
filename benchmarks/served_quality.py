"""Claim: what is served ranks as well as the method promises: NDCG@10 on ML-100K, plain and re-ranked.

Five packages, each trained on its fold's base alone, go the whole way: films and base ratings through Kafka
and the ledger, films through TorchServe, vectors and profiles through Milvus, answers over HTTP (k = 10) from
two gateways over the same rows: the switch of the re-ranker is off at one and on at the other. Every fold has
a namespace of its own: nothing of another fold can be seen.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console

from benchmarks._rerank import switched_on
from benchmarks._services import end, gateway_client, running, services, start, wait_for
from benchmarks.report import Goal, publish
from deploy.data.importing import DataImport
from deploy.data.lag import wait_applied
from deploy.rollout import start_space
from streaming.control.documents import Policy, SpaceDocument
from streaming.kafka.admin import OffsetAdmin
from streaming.kafka.offsets import source_ranges
from streaming.milvus.client import MilvusStore
from streaming.settings import Settings
from streaming.topics import TopicNames, fixed_topics
from streaming.topics.admin import ensure
from trainer.data import Ratings, all_ratings, load_items
from trainer.evaluation.ranking import ndcg_at, recall_at
from trainer.space import AUTO, SpaceOptions, train_space, write_package

FOLDS = int(os.environ.get("MARQUEE_BENCH_FOLDS", "5"))
K, LIKED, GOAL, RERANKED_GOAL = 10, 4.0, 0.41, 0.42
PLAIN = ("ndcg@10", "recall@10", "coverage")
MEASURES = (*PLAIN, *(f"re-ranked {name}" for name in PLAIN))
PACKAGE = "ml100k-fold"
WAIT_S = 600.0
console = Console(stderr=True)


def pairs(ratings: Ratings, least: float) -> dict[str, set[str]]:
    """user -> items with a rating of at least ``least``."""
    found: dict[str, set[str]] = {}
    for user, item, value in zip(
        ratings.user_ids.tolist(), ratings.item_ids.tolist(), ratings.values.tolist(), strict=True
    ):
        if value >= least:
            found.setdefault(user, set()).add(item)
    return found


def score(
    lists: dict[str, list[str]], relevant: dict[str, set[str]], catalogue: Sequence[str]
) -> dict[str, float]:
    """NDCG@10, Recall@10 (means over users with anything to find) and coverage of ``catalogue``."""
    users = sorted(relevant)
    hits = np.array([[i < len(lists[u]) and lists[u][i] in relevant[u] for i in range(K)] for u in users])
    total = np.array([len(relevant[u]) for u in users], dtype=np.int64)
    shown = {item for user in users for item in lists[user]}
    return {
        "ndcg@10": float(ndcg_at(hits, total).mean()),
        "recall@10": float(recall_at(hits, total).mean()),
        "coverage": len(shown) / len(catalogue),
        "users": float(len(users)),
    }


def rows_settled(store: MilvusStore, space: SpaceDocument, seen: dict[str, set[str]], films: int) -> bool:
    """Whether every film has a row and every user's row counts all that he has rated."""
    if store.count(space.items_collection) < films:
        return False
    rows = store.get_users(space.users_collection, sorted(seen))
    return all(user in rows and rows[user].n_rated == len(items) for user, items in seen.items())


def offsets(settings: Settings, space: SpaceDocument) -> dict[str, int]:
    """Ends of the fold's topics, in offsets over all partitions: what went through Kafka."""
    names, topics = TopicNames(settings.namespace), settings.topics
    admin = OffsetAdmin(settings, "bench-admin")
    found = {}
    for what, topic, partitions in (
        ("ratings", names.ratings, topics.ratings_partitions),
        ("users", names.users, topics.ratings_partitions),
        ("items", names.items, topics.items_partitions),
        ("vectors", names.vectors(space.space), topics.items_partitions),
    ):
        ranges = source_ranges(admin, names.ledger_group, [(topic, p) for p in range(partitions)])
        found[what] = sum(r.end for r in ranges.values())
    admin.close()
    return found


def asked(
    http: httpx.Client, users: Sequence[str], seen: dict[str, set[str]]
) -> tuple[dict[str, Any], int, int]:
    """Every user's list over HTTP, how many came from a profile, how many were re-ranked; no film is seen."""
    lists, profiles, reranked = {}, 0, 0
    for user in users:
        answer = http.get(f"/v1/users/{user}/recommendations", params={"k": K})
        answer.raise_for_status()
        found = answer.json()
        lists[user] = [item["item_id"] for item in found["items"]]
        assert not set(lists[user]) & seen.get(user, set()), "a seen film came back"
        profiles += found["source"] == "profile"
        reranked += found["reranked"]
    return lists, profiles, reranked


def asked_reranked(
    settings: Settings, users: Sequence[str], seen: dict[str, set[str]]
) -> tuple[dict[str, Any], int]:
    """The same of a gateway whose switch is on: the package's re-ranker, where its gate let it through."""
    there = switched_on(settings)
    child = start(there, "gateway", instance="reranking")
    try:
        with closing(gateway_client(there)) as http:
            lists, _, reranked = asked(http, users, seen)
            return lists, reranked
    finally:
        end(child)


def served(settings: Settings, reference: str, policy: Policy, base: Path, test: Path) -> dict[str, Any]:
    """One fold, in a namespace of its own: import, wait, ask, score."""
    seen = pairs(all_ratings(base), 0.0)
    relevant = pairs(all_ratings(test), LIKED)
    catalogue = [item.item_id for item in load_items(base)]
    ensure(settings, fixed_topics(settings))
    space = start_space(
        settings, reference, policy=policy, operator="benchmark", reason="served quality", promote=True
    )
    store = MilvusStore(settings)
    began = time.monotonic()
    with running(settings, ("ledger",), ("space", space.space), ("gateway",)):
        result = DataImport(settings, base).run()
        wait_applied(settings, [space], WAIT_S)
        wait_for(lambda: rows_settled(store, space, seen, len(catalogue)), WAIT_S, "rows of all users", 0.5)
        imported = time.monotonic() - began
        with closing(gateway_client(settings)) as http:
            began = time.monotonic()
            lists, profiles, none = asked(http, sorted(relevant), seen)
            asking = time.monotonic() - began
        assert not none, "a gateway whose switch is off has re-ranked"
        ordered, reranked = asked_reranked(settings, sorted(relevant), seen)
    figures: dict[str, Any] = score(lists, relevant, catalogue)
    figures |= {
        "reranked": score(ordered, relevant, catalogue),
        "answered_reranked": reranked,
        "ratings_sent": result.ratings_sent,
        "items_sent": result.items_sent,
        "import_s": imported,
        "http_requests": len(lists),
        "answered_from_profile": profiles,
        "lookups_a_second": len(lists) / asking,
        "user_rows": store.count(space.users_collection),
        "item_rows": store.count(space.items_collection),
        "offsets": offsets(settings, space),
        "space": space.space,
    }
    store.close()
    return figures


def main() -> None:
    """Train and serve fold by fold."""
    data = Path(os.environ.get("MARQUEE_DATA", "../shared/data")) / "ml-100k"
    if not (data / "u1.base").is_file():
        console.print(
            f"skipped: {data}/u1.base is not there; set MARQUEE_DATA to a folder with ml-100k in it"
        )
        sys.exit(0)
    folds: list[dict[str, Any]] = []
    with services(milvus=True, torchserve=True) as here:
        packages = here.home / "packages"
        for n in range(1, FOLDS + 1):
            home = here.home / f"fold{n}"
            home.mkdir()
            (home / "packages").symlink_to(packages, target_is_directory=True)
            settings = here.model_copy(
                update={"namespace": f"{here.namespace}f{n}", "home": home, "models_url": here.models}
            )
            base, test = data / f"u{n}.base", data / f"u{n}.test"
            console.print(f"fold {n}: training on {base.name}")
            began = time.monotonic()
            trained = train_space(base, PACKAGE, str(n), SpaceOptions(like_threshold=AUTO))
            threshold = float(trained.parameters["like_threshold"])
            write_package(trained, packages)
            figures: dict[str, Any] = {"fold": n, "train_s": time.monotonic() - began}
            console.print(f"fold {n}: serving")
            figures |= served(settings, f"{PACKAGE}@{n}", Policy(like_threshold=threshold), base, test)
            figures["parameters"] = trained.parameters
            if trained.reranker is not None:
                figures["reranker"] = trained.reranker.says
            folds.append(figures)
            both = f"{figures['ndcg@10']:.4f}, re-ranked {figures['reranked']['ndcg@10']:.4f}"
            console.print(f"fold {n}: NDCG@10 {both}")
    rows = [row_of(fold) for fold in folds]
    mean = {name: float(np.mean([row[name] for row in rows])) for name in MEASURES}
    total = {name: sum(row[name] for row in rows) for name in rows[0] if name not in ("fold", *MEASURES)}
    rows.append({"fold": "mean", **mean, **total})
    publish(
        "served_quality",
        {"mean": mean, "folds": folds},
        rows,
        [
            Goal(f"NDCG@10, plain liked mean, {len(folds)} folds", mean["ndcg@10"], GOAL),
            Goal(f"NDCG@10, re-ranked, {len(folds)} folds", mean["re-ranked ndcg@10"], RERANKED_GOAL),
        ],
    )


def row_of(fold: dict[str, Any]) -> dict[str, Any]:
    """The table's row: plain and re-ranked."""
    plain = {name: fold[name] for name in PLAIN}
    reranked = {f"re-ranked {name}": fold["reranked"][name] for name in PLAIN}
    counts = ("users", "http_requests", "answered_from_profile", "answered_reranked")
    return {"fold": fold["fold"], **plain, **reranked, **{name: fold[name] for name in counts}}


if __name__ == "__main__":
    main()
