"""What each row of docs/results.md computes: its data, protocol, models and figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from trainer.data import Ratings, all_ratings, load_items
from trainer.data.splits import Fold, fixed, leave_last, random_holdout, temporal
from trainer.evaluation.baselines import ease, linear_scorer, popularity_scorer, same_for_all
from trainer.evaluation.cold import ml_100k_cold
from trainer.evaluation.few import ml_100k_few
from trainer.evaluation.fusion import fusion_row
from trainer.evaluation.ranking import rank_by
from trainer.evaluation.report import figures
from trainer.evaluation.search import PACKAGES, search_row
from trainer.evaluation.served import ask, films_of, matrices, side_content, train_served
from trainer.evaluation.statistics import paired
from trainer.space.choice import RELEVANT
from trainer.space.matrix import Interactions
from trainer.space.options import AUTO, SpaceOptions
from trainer.space.tuning import Say, tune
from trainer.vision.report import PACKAGE, posters_row
from trainer.vision.teacher import WEIGHTS

EASE_LAMBDAS = (50.0, 100.0, 200.0, 400.0, 800.0, 1600.0)


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


def _choose_ease(train: Interactions, say: Say) -> dict[str, float]:
    """Lambda for EASE of targets 1 and 0.5, given what was liked or all that was rated, by one cut."""
    rng = np.random.default_rng(5)
    held = rng.random(len(train.values)) < 0.1
    part, validation = train.take(~held), train.take(held)
    y, rated, relevant = part.matrix(RELEVANT, 0.5), part.rated(), validation.liked(RELEVANT)
    tried: dict[str, dict[float, float]] = {"ease": {}, "ease_all_rated": {}}
    for one in EASE_LAMBDAS:
        weights = ease(y, one).astype(np.float32)
        for name, history in (("ease", part.liked(RELEVANT)), ("ease_all_rated", y)):
            scorer = linear_scorer(history.astype(np.float32), weights)
            tried[name][one] = float(rank_by(scorer, rated, relevant).ndcg.mean())
    say(f"EASE by lambda: {tried}")
    return {name: max(scores, key=lambda key: scores[key]) for name, scores in tried.items()}


def served_against_ease(fold: Fold, folder: Path, say: Say) -> dict[str, Any]:
    """What is served, plain and re-ranked, popularity, and EASE with the same targets, on the same users."""
    items = list(load_items(folder))
    films = films_of(items)
    train, test = matrices(fold.train, fold.test, films.item_ids)
    features = side_content(items)
    choice = tune(train, features, SpaceOptions(like_threshold=AUTO), say).choice
    served = train_served(fold.train, train, features, films, choice, say=say)
    answers = ask(served, train, test)
    out = figures(answers, len(items))
    relevant, rated = test.liked(RELEVANT), train.rated()
    popular = rank_by(popularity_scorer(train.liked(RELEVANT)), rated, relevant)
    # of whom nothing is known is shown what is popular lately, as by what is served
    fallback = rank_by(same_for_all(served.popular), rated, relevant)
    y, best = train.matrix(RELEVANT, 0.5), {}
    chosen_ease = _choose_ease(train, say)
    for name, history in (("ease", train.liked(RELEVANT)), ("ease_all_rated", y)):
        weights = ease(y, chosen_ease[name]).astype(np.float32)
        found = rank_by(linear_scorer(history.astype(np.float32), weights), rated, relevant).ndcg
        known = np.diff(history.indptr)[answers.users] > 0
        best[name] = np.where(known, found, fallback.ndcg)
    ours = {kind: answers.measures(getattr(answers, kind))[0] for kind in ("plain", "reranked")}
    out["baselines"] = {
        "popularity": round(float(popular.ndcg.mean()), 5),
        **{name: round(float(scores.mean()), 5) for name, scores in best.items()},
        "lambdas": chosen_ease,
    }
    out["against"] = {
        name: {
            kind: {"difference": asdict(p.difference), "p": p.p_t}
            for kind, one in ours.items()
            if (p := paired(one, scores))
        }
        for name, scores in best.items()
    }
    liked = train.liked(choice.like_threshold)
    out["users_without_likes"] = int((np.diff(liked.indptr)[answers.users] == 0).sum())
    out["chosen"] = asdict(choice)
    out["gate"] = served.trained.notes() if served.trained else None
    return out


def ml_100k(number: int) -> Callable[[Path, Say], dict[str, Any]]:
    """u1..u5 of ML-100K."""

    def compute(data: Path, say: Say) -> dict[str, Any]:
        folder = data / "ml-100k"
        name = f"u{number}"
        fold = fixed(name, all_ratings(folder / f"{name}.base"), all_ratings(folder / f"{name}.test"))
        return served_against_ease(fold, folder, say)

    return compute


def ml_1m(seed: int) -> Callable[[Path, Say], dict[str, Any]]:
    """A random tenth of ML-1M's training ratings."""

    def compute(data: Path, say: Say) -> dict[str, Any]:
        folder = data / "ml-1m"
        return served_against_ease(random_holdout(all_ratings(folder), 0.1, seed), folder, say)

    return compute


def ml_100k_parted(part: Callable[[Ratings], Fold]) -> Callable[[Path, Say], dict[str, Any]]:
    """All of ML-100K, parted by time."""

    def compute(data: Path, say: Say) -> dict[str, Any]:
        folder = data / "ml-100k"
        return served_against_ease(part(all_ratings(folder / "u.data")), folder, say)

    return compute


ROWS: tuple[Row, ...] = (
    *(
        Row(
            f"ml-100k-u{n}",
            "ML-100K u1..u5",
            "plain >= 0.41, re-ranked >= 0.42, NDCG@10",
            (f"ml-100k/u{n}.base", f"ml-100k/u{n}.test", "ml-100k/u.item"),
            ml_100k(n),
            revision=6,
        )
        for n in range(1, 6)
    ),
    Row(
        "ml-100k-temporal",
        "ML-100K by time: the last fifth of all ratings",
        "none; most of these people are new and shown what is popular",
        ("ml-100k/u.data", "ml-100k/u.item"),
        ml_100k_parted(partial(temporal, share=0.2)),
        revision=2,
    ),
    Row(
        "ml-100k-leave-last",
        "ML-100K, everybody's last rating",
        "none; one film is to be found, if it was liked",
        ("ml-100k/u.data", "ml-100k/u.item"),
        ml_100k_parted(leave_last),
        revision=2,
    ),
    Row(
        "ml-100k-cold",
        "ML-100K cold films",
        ">= 0.33 NDCG@10 among cold films; text beats shuffled and random, p < 0.01",
        ("ml-100k/u.data", "ml-100k/u.item", "plots/ml-100k_omdb.jsonl"),
        ml_100k_cold,
    ),
    Row(
        "ml-100k-fusion-cold",
        "ML-100K cold films, fusion encoder",
        ">= 0.33 NDCG@10 among cold films; text and poster beat shuffled and random, p < 0.01",
        ("ml-100k/u.data", "ml-100k/u.item", "plots/ml-100k_omdb.jsonl", "poster_map.csv"),
        fusion_row,
        revision=4,
    ),
    *(
        Row(
            f"ml-1m-random-{seed}",
            "ML-1M, three random tenths",
            "above EASE with the same targets, paired; re-ranked above plain",
            ("ml-1m/ratings_train.csv.gz", "ml-1m/movies.dat"),
            ml_1m(seed),
            revision=7,
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
        "posters",
        "Posters outside MovieLens: genres by a linear probe",
        "near the teacher (MobileNetV2 on ImageNet), above random weights, mAP in percent",
        ("poster_genres.csv", "poster_map.csv", str(WEIGHTS)),
        posters_row,
        revision=3,
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
