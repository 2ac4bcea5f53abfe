"""Results of rows as their JSON holds them, made up."""

from __future__ import annotations

from typing import Any

from trainer.evaluation.list_measures import measure_names

BASELINES = ("ease", "ease_all_rated", "popularity")


def lists(plain: float, measured: bool = True) -> dict[str, Any]:
    """Of served lists; ``measured`` False: as an earlier revision left them."""
    kinds = {"plain": plain, "reranked": plain + 0.01}
    difference = {"difference": {"mean": 0.02, "low": 0.01, "high": 0.03}, "p": 0.001}
    against = BASELINES if measured else BASELINES[:2]
    measures = measure_names(10) if measured else ("ndcg@10", "recall@10", "coverage")
    return {
        **{name: dict(kinds) for name in measures},
        "intervals": {"ndcg@10": {kind: [value - 0.05, value + 0.05] for kind, value in kinds.items()}},
        "baselines": dict.fromkeys(BASELINES, 0.1),
        "against": {name: dict.fromkeys(kinds, difference) for name in against},
    }


def errors() -> dict[str, Any]:
    """Of predicted ratings."""
    interval = {"mean": 0.9, "low": 0.8, "high": 1.0}
    return {
        **{name: {"biases": interval, "similar_items": interval} for name in ("rmse", "mae")},
        "against": {name: {"biases": {"mean": -0.1, "low": -0.2, "high": -0.05}} for name in ("rmse", "mae")},
    }


def cold() -> dict[str, Any]:
    """Of films without ratings."""
    folds = {"all": [0.3, 0.4], "ridge": [0.2, 0.3]}
    return {
        "ndcg@10": {"all": 0.35, "ridge": 0.25},
        "folds": folds,
        "all_against": {"ridge": {"p": 0.01}},
    }


def few() -> dict[str, Any]:
    """Of films with few ratings."""
    return {"ndcg@10": {str(n): {"content": 0.1, "ratings": 0.2, "served": 0.3} for n in (10, 0)}}


def found() -> dict[str, Any]:
    """Of searches."""
    scores = {"a@1": "0.1000 [0.0500, 0.1500]", "popularity": "0.0100 [0.0000, 0.0200]"}
    against = {"difference": {"mean": 0.1}, "p": 0.02}
    return {"search": {"tags": {"queries": 7, "ndcg@10": scores, "against": against}}}


def posters() -> dict[str, Any]:
    """Of genres of posters."""
    return {"map": {"vit": "20.0000 [18.0000, 22.0000]"}}


def every() -> dict[str, dict[str, Any]]:
    """One of each form, by a name."""
    return {
        "lists": lists(0.3),
        "errors": errors(),
        "cold": cold(),
        "few": few(),
        "search": found(),
        "posters": posters(),
    }
