"""``marquee evaluate served``: three files in, one object of figures out."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import numpy as np

from trainer.data.folder import Files
from trainer.data.splits import fixed
from trainer.evaluation.list_measures import background, measure_names, of_catalogue, of_users
from trainer.evaluation.served import Answers, Served, ask, matrices, side_content, train_served
from trainer.evaluation.statistics import bootstrap, paired
from trainer.exceptions import TrainingError
from trainer.reranker.few import FEW
from trainer.reranker.space import Films, films_of
from trainer.space.matrix import Interactions
from trainer.space.options import AUTO, SpaceOptions
from trainer.space.tuning import Say, tune


def evaluate_served(
    files: Files,
    dim: int | None = None,
    rerank: bool = True,
    seed: int = 0,
    say: Say = lambda _: None,
    k: int = 10,
    few: int = FEW,
) -> dict[str, Any]:
    """Trains on ``files.train`` alone, asks for every user of ``files.test``, and scores the answers.

    Ratings of films that are not among ``files.items`` are left out, and counted. ``k`` places are asked for
    and scored; numbers and gate are chosen by ten, as they are for a package.

    Raises:
        ValueError: if ``k`` is more than the first stage retrieves.
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
    served = train_served(files.train, train, features, films, choice, rerank, seed, say, few)
    answers = ask(served, train, test, k)
    if not len(answers.users):
        raise TrainingError("test ratings: nobody likes a film of the catalogue")
    return {
        **figures(answers, films, train),
        "k": k,
        "chosen": asdict(choice),
        "gate": _gate(served),
        "ratings": {
            "train": len(train.values),
            "test": len(test.values),
            "not_in_catalogue": len(files.train) + len(files.test) - len(train.values) - len(test.values),
        },
        "seconds": round(time.monotonic() - started, 1),
    }


def figures(answers: Answers, films: Films, history: Interactions) -> dict[str, Any]:
    """Every measure of :mod:`trainer.evaluation.list_measures`, plain and re-ranked, at the k asked for.

    ``history`` is what was known when the answers were given, its columns are ``films``. Intervals are 95%,
    bootstrapped over users; coverage and Gini are of all lists together and have none. Calibration is
    ``None`` where of nobody a like is known.
    """
    known = background(films.genres, history)
    k = answers.plain.shape[1]
    out: dict[str, Any] = {name: {} for name in measure_names(k)} | {"intervals": {}}
    ndcg = {}
    for kind, lists in (("plain", answers.plain), ("reranked", answers.reranked)):
        values = of_users(lists, answers.relevant, answers.users, known)
        ndcg[kind] = values[f"ndcg@{k}"]
        for name, one in of_catalogue(lists, len(films.item_ids)).items():
            out[name][kind] = round(one, 5)
        for name, each in values.items():
            if not len(each):
                out[name][kind] = None
                continue
            interval = bootstrap(each)
            out[name][kind] = round(float(each.mean()), 5)
            out["intervals"].setdefault(name, {})[kind] = [round(interval.low, 5), round(interval.high, 5)]
    out["users"] = len(answers.users)
    out["p_reranked_is_plain"] = (
        paired(ndcg["reranked"], ndcg["plain"]).p_t if len(answers.users) > 1 else float(np.nan)
    )
    return out


def _gate(served: Served) -> dict[str, object]:
    if served.trained is None:
        return {"passed": False, "why": "not trained: too few lists, or not asked for"}
    return served.trained.notes()
