"""What each row of docs/results.md computes: its data, protocol, models and figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from trainer.data import Ratings, all_ratings
from trainer.data.splits import Fold, cold_users, fixed, leave_last, random_holdout, temporal
from trainer.evaluation.against import served_against_baselines
from trainer.evaluation.cold import ml_100k_cold
from trainer.evaluation.few import ml_100k_few
from trainer.evaluation.fusion import POSTER_MODEL, fusion_row
from trainer.evaluation.ratings_row import ml_100k_ratings
from trainer.evaluation.search import PACKAGES, search_row
from trainer.evaluation.warm import ml_100k_warm
from trainer.reranker.few import FEW
from trainer.space.tuning import Say
from trainer.vision.report import PACKAGE, posters_row
from trainer.vision.teacher import WEIGHTS

COLD_USER_FOLDS = 5
SHOWN, BEGUN = 5, 20
"""Ratings that are known of a cold user, and of one who has begun to rate."""
GROWING = 50
"""Up to how many ratings users get networks of their own where people go on rating."""


@dataclass(frozen=True)
class Row:
    """One figure of the results page."""

    name: str
    group: str
    """Rows of a group are averaged into one line of the page."""
    goal: str
    inputs: tuple[str, ...]
    """Files or folders below the data folder that the row reads."""
    compute: Callable[[Path, Say], dict[str, Any]]
    revision: int = 1
    """Raised whenever the computation changes: the row is then due again."""
    packages: tuple[str, ...] = ()
    """Source packages that it measures."""
    marks: tuple[tuple[str, float], ...] = ()
    """Figures that the goal names, with what they are of: drawn as lines in the picture."""


def ml_100k(number: int) -> Callable[[Path, Say], dict[str, Any]]:
    """u1..u5 of ML-100K."""

    def compute(data: Path, say: Say) -> dict[str, Any]:
        folder = data / "ml-100k"
        name = f"u{number}"
        fold = fixed(name, all_ratings(folder / f"{name}.base"), all_ratings(folder / f"{name}.test"))
        return served_against_baselines(fold, folder, say)

    return compute


def ml_1m(seed: int) -> Callable[[Path, Say], dict[str, Any]]:
    """A random tenth of ML-1M's training ratings."""

    def compute(data: Path, say: Say) -> dict[str, Any]:
        folder = data / "ml-1m"
        return served_against_baselines(random_holdout(all_ratings(folder), 0.1, seed), folder, say)

    return compute


def ml_100k_parted(part: Callable[[Ratings], Fold], few: int = FEW) -> Callable[[Path, Say], dict[str, Any]]:
    """All of ML-100K, parted by time."""

    def compute(data: Path, say: Say) -> dict[str, Any]:
        folder = data / "ml-100k"
        return served_against_baselines(part(all_ratings(folder / "u.data")), folder, say, few)

    return compute


def cold_users_of(ratings: Ratings, number: int, shown: int = SHOWN) -> Fold:
    """Part ``number`` of the users, counted from 1, of whom only their first ``shown`` ratings are known."""
    return list(cold_users(ratings, COLD_USER_FOLDS, shown=shown))[number - 1]


ROWS: tuple[Row, ...] = (
    *(
        Row(
            f"ml-100k-u{n}",
            "ML-100K u1..u5",
            "plain >= 0.41, re-ranked >= 0.42, NDCG@10",
            (f"ml-100k/u{n}.base", f"ml-100k/u{n}.test", "ml-100k/u.item"),
            ml_100k(n),
            revision=8,
            marks=(("plain", 0.41), ("reranked", 0.42)),
        )
        for n in range(1, 6)
    ),
    Row(
        "ml-100k-temporal",
        "ML-100K by time: the last fifth of all ratings",
        "none; most of these people are new and shown what is popular",
        ("ml-100k/u.data", "ml-100k/u.item"),
        ml_100k_parted(partial(temporal, share=0.2)),
        revision=4,
    ),
    Row(
        "ml-100k-leave-last",
        "ML-100K, everybody's last rating",
        "none; one film is to be found, if it was liked",
        ("ml-100k/u.data", "ml-100k/u.item"),
        ml_100k_parted(leave_last),
        revision=4,
    ),
    *(
        Row(
            f"ml-100k-cold-users-{n}",
            "ML-100K cold users",
            f"none; above popularity, NDCG@10, with the first {SHOWN} ratings of each shown",
            ("ml-100k/u.data", "ml-100k/u.item"),
            ml_100k_parted(partial(cold_users_of, number=n)),
            revision=3,
        )
        for n in range(1, COLD_USER_FOLDS + 1)
    ),
    *(
        Row(
            f"ml-100k-growing-{n}",
            f"ML-100K users who have begun, `--few-ratings {GROWING}`",
            f"none; above popularity, NDCG@10, with the first {BEGUN} ratings of each shown",
            ("ml-100k/u.data", "ml-100k/u.item"),
            ml_100k_parted(partial(cold_users_of, number=n, shown=BEGUN), GROWING),
        )
        for n in range(1, COLD_USER_FOLDS + 1)
    ),
    Row(
        "ml-100k-ratings",
        "ML-100K, predicted ratings of u1..u5",
        "none; below the user mean and biases alone (public: 0.8973 for factorisation machines on ids)",
        tuple(f"ml-100k/u{n}.{part}" for n in range(1, 6) for part in ("base", "test")),
        ml_100k_ratings,
        marks=(("RMSE", 0.8973),),
    ),
    Row(
        "ml-100k-cold",
        "ML-100K cold films",
        ">= 0.33 NDCG@10 among cold films; text beats shuffled and random, p < 0.01",
        ("ml-100k/u.data", "ml-100k/u.item", "plots/ml-100k_omdb.jsonl"),
        ml_100k_cold,
        marks=(("all", 0.33),),
    ),
    Row(
        "ml-100k-fusion-cold",
        "ML-100K cold films, fusion encoder",
        ">= 0.33 NDCG@10 among cold films; text and poster beat shuffled and random, p < 0.01",
        ("ml-100k/u.data", "ml-100k/u.item", "plots/ml-100k_omdb.jsonl", "poster_map.csv"),
        fusion_row,
        revision=4,
        packages=(POSTER_MODEL,),
        marks=(("all", 0.33),),
    ),
    *(
        Row(
            f"ml-1m-random-{seed}",
            "ML-1M, three random tenths",
            "above EASE with the same targets, paired; re-ranked above plain",
            ("ml-1m/ratings_train.csv.gz", "ml-1m/movies.dat"),
            ml_1m(seed),
            revision=8,
        )
        for seed in range(3)
    ),
    Row(
        "ml-100k-few",
        "ML-100K films with few ratings",
        "content and ratings together at least as good as each alone, at 1, 3, 10",
        ("ml-100k/u.data", "ml-100k/u.item", "plots/ml-100k_omdb.jsonl"),
        ml_100k_few,
        revision=3,
    ),
    Row(
        "ml-100k-warm",
        "ML-100K films with ratings, their posters, texts and metadata gone or another film's",
        "not worse than as training knew them",
        ("ml-100k/u.data", "ml-100k/u.item", "plots/ml-100k_omdb.jsonl", "poster_map.csv"),
        ml_100k_warm,
        packages=(POSTER_MODEL,),
    ),
    Row(
        "posters",
        "Posters outside MovieLens: genres by a linear probe",
        "near the teacher (MobileNetV2 on ImageNet), above random weights, mAP in percent",
        ("poster_genres.csv", "poster_map.csv", str(WEIGHTS)),
        posters_row,
        revision=4,
        packages=(PACKAGE,),
    ),
    Row(
        "search",
        "Search on the shipped data, by tags of films and by ends of texts that encoders do not read",
        f"{PACKAGES[1]} finds more than {PACKAGES[0]}, both more than popularity, NDCG@10",
        (),
        search_row,
        packages=PACKAGES,
    ),
)
