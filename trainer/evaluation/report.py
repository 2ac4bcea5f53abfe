"""``marquee evaluate served``: three files in, one object of figures out."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import numpy as np

from trainer.data.folder import Files
from trainer.data.splits import fixed
from trainer.evaluation.metrics import coverage
from trainer.evaluation.served import Answers, Served, ask, films_of, matrices, side_content, train_served
from trainer.evaluation.statistics import bootstrap, paired
from trainer.exceptions import TrainingError
from trainer.space.options import AUTO, SpaceOptions
from trainer.space.tuning import Say, tune


def evaluate_served(
    files: Files,
    dim: int | None = None,
    rerank: bool = True,
    seed: int = 0,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Trains on ``files.train`` alone, asks for every user of ``files.test``, and scores the answers.

    Ratings of films that are not among ``files.items`` are left out, and counted.

    Raises:
        TrainingError: if the files hold too little, or training and test share a rating.
    """
    started = time.monotonic()
    fixed("files", files.train, files.test)
    films = films_of(files.items)
    train, test = matrices(files.train, files.test, films.item_ids)
    features = side_content(files.items)
    options = SpaceOptions(dim=dim or AUTO, like_threshold=AUTO, seed=seed)
    try:
        choice = tune(train, features, options, say).choice
    except ValueError as error:
        raise TrainingError(f"training ratings: {error}") from None
    served = train_served(files.train, train, features, films, choice, rerank, seed, say)
    answers = ask(served, train, test)
    if not len(answers.users):
        raise TrainingError("test ratings: nobody likes a film of the catalogue")
    return {
        **figures(answers, len(files.items)),
        "chosen": asdict(choice),
        "gate": _gate(served),
        "ratings": {
            "train": len(train.values),
            "test": len(test.values),
            "not_in_catalogue": len(files.train) + len(files.test) - len(train.values) - len(test.values),
        },
        "seconds": round(time.monotonic() - started, 1),
    }


def figures(answers: Answers, items: int) -> dict[str, Any]:
    """NDCG@10, Recall@10 and coverage, plain and re-ranked, with 95% intervals over users."""
    out: dict[str, Any] = {"ndcg@10": {}, "recall@10": {}, "coverage": {}, "intervals": {"ndcg@10": {}}}
    ndcg = {}
    for name, lists in (("plain", answers.plain), ("reranked", answers.reranked)):
        ndcg[name], recall = answers.measures(lists)
        out["ndcg@10"][name] = round(float(ndcg[name].mean()), 5)
        out["recall@10"][name] = round(float(recall.mean()), 5)
        out["coverage"][name] = round(coverage(lists, items), 5)
        interval = bootstrap(ndcg[name])
        out["intervals"]["ndcg@10"][name] = [round(interval.low, 5), round(interval.high, 5)]
    out["users"] = len(answers.users)
    out["p_reranked_is_plain"] = (
        paired(ndcg["reranked"], ndcg["plain"]).p_t if len(answers.users) > 1 else float(np.nan)
    )
    return out


def _gate(served: Served) -> dict[str, object]:
    if served.trained is None:
        return {"passed": False, "why": "not trained: too few lists, or not asked for"}
    return served.trained.notes()
