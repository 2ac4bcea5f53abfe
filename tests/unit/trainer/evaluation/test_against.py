"""What is served and its baselines are told the same: of cold users the ratings shown, which none learnt."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.trainer.evaluation.test_served import catalogue, world
from trainer.data.splits import cold_users, random_holdout
from trainer.evaluation import against
from trainer.evaluation.against import baselines, parts, served_against_baselines
from trainer.reranker.space import films_of

IDS = films_of(catalogue()).item_ids
LAMBDAS = {"ease": 30.0, "ease_all_rated": 30.0}


def test_cold_users_are_known_by_what_is_shown_and_learnt_from_by_nobody() -> None:
    fold = next(cold_users(world(0), 5, shown=3))
    train, known, test = parts(fold, IDS)
    assert train.shape == known.shape == test.shape
    cold = np.unique(test.users)
    assert len(cold) == 24
    assert not np.isin(cold, train.users).any()
    assert (np.bincount(known.users)[cold] == 3).all()


def test_of_other_splits_what_is_known_is_what_is_learnt_from() -> None:
    train, known, _ = parts(random_holdout(world(0), 0.2, 0), IDS)
    assert train.user_ids == known.user_ids
    assert (train.matrix(4, 0.5) != known.matrix(4, 0.5)).nnz == 0


def test_ease_uses_the_ratings_shown_and_popularity_is_its_answer_to_nothing() -> None:
    train, known, test = parts(next(cold_users(world(0), 5, shown=3)), IDS)
    popular = np.asarray(train.liked(4.0).sum(axis=0)).ravel()
    told = baselines(train, known, test, popular, LAMBDAS)
    untold = baselines(train, train, test, popular, LAMBDAS)
    # two tastes: what is popular is half wrong for everybody
    assert told["ease"].mean() > told["popularity"].mean() + 0.1
    assert untold["ease"].tolist() == untold["popularity"].tolist()
    assert len({len(one) for one in told.values()}) == 1


def test_a_row_holds_every_baseline_on_the_same_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(against, "load_items", lambda folder: iter(catalogue()))
    fold = next(cold_users(world(0), 5, shown=3))
    found = served_against_baselines(fold, None, lambda _: None)  # type: ignore[arg-type]
    assert found["users"] == 24
    assert set(found["against"]) == {"popularity", "ease", "ease_all_rated"}
    assert found["ndcg@10"]["plain"] > found["baselines"]["popularity"]
    difference = found["against"]["popularity"]["plain"]["difference"]["mean"]
    assert difference == pytest.approx(found["ndcg@10"]["plain"] - found["baselines"]["popularity"], abs=2e-5)
