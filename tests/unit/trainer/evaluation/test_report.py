"""Figures of what is served: every measure, plain and re-ranked, at the places asked for."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.cli.evaluate import MOST_PLACES
from streaming.gateway.rerank_features import CANDIDATES
from tests.unit.trainer.evaluation.test_served import catalogue, world
from trainer.data.folder import Files
from trainer.data.splits import random_holdout, take
from trainer.evaluation.list_measures import measure_names
from trainer.evaluation.metrics import coverage, gini
from trainer.evaluation.report import evaluate_served, figures
from trainer.evaluation.served import Answers, ask, matrices, train_served
from trainer.reranker.space import films_of
from trainer.space.choice import Choice

FOLD = random_holdout(world(0), 0.2, 0)
FILMS = films_of(catalogue())
TRAIN, TEST = matrices(FOLD.train, FOLD.test, FILMS.item_ids)
SERVED = train_served(FOLD.train, TRAIN, None, FILMS, Choice(dim=16, regularisation=50.0), rerank=False)


def test_every_measure_is_there_both_ways_with_its_interval() -> None:
    answers = ask(SERVED, TRAIN, TEST)
    backwards = Answers(answers.users, answers.plain, answers.plain[:, ::-1].copy(), answers.relevant)
    found = figures(backwards, FILMS, TRAIN)
    for name in measure_names(10):
        assert set(found[name]) == {"plain", "reranked"}
        if name not in ("coverage", "gini"):
            low, high = found["intervals"][name]["plain"]
            assert low <= found[name]["plain"] <= high
    assert found["coverage"]["plain"] == round(coverage(answers.plain, len(FILMS.item_ids)), 5)
    assert found["gini"]["plain"] == round(gini(answers.plain, len(FILMS.item_ids)), 5)
    # the same films in another order: only measures of order differ
    differ = {name for name in measure_names(10) if found[name]["plain"] != found[name]["reranked"]}
    assert differ == {"ndcg@10", "map@10", "mrr@10"}
    assert 0 < found["p_reranked_is_plain"] < 1


def test_figures_are_of_the_places_asked_for() -> None:
    ten, three = (figures(ask(SERVED, TRAIN, TEST, k), FILMS, TRAIN) for k in (10, 3))
    assert set(measure_names(3)) <= set(three)
    assert "ndcg@10" not in three
    assert three["recall@3"]["plain"] < ten["recall@10"]["plain"]
    assert ask(SERVED, TRAIN, TEST, 3).plain.tolist() == ask(SERVED, TRAIN, TEST).plain[:, :3].tolist()


def test_without_a_known_like_there_is_no_calibration() -> None:
    nobody, _ = matrices(take(FOLD.train, FOLD.train.values < 4), FOLD.test, FILMS.item_ids)
    found = figures(ask(SERVED, nobody, TEST), FILMS, nobody)
    assert found["calibration"] == {"plain": None, "reranked": None}
    assert "calibration" not in found["intervals"]
    assert np.isfinite(found["novelty"]["plain"])


def test_no_more_places_than_are_retrieved() -> None:
    assert MOST_PLACES == CANDIDATES
    for k in (0, CANDIDATES + 1):
        with pytest.raises(ValueError, match="retrieves 200 films"):
            ask(SERVED, TRAIN, TEST, k)
    # more places than there are films: lists end early
    assert (ask(SERVED, TRAIN, TEST, CANDIDATES).plain[:, -1] == -1).all()


def test_numbers_do_not_hang_on_the_places() -> None:
    files = Files(FOLD.train, FOLD.test, catalogue())
    ten, five = (evaluate_served(files, dim=16, rerank=False, k=k) for k in (10, 5))
    assert (ten["k"], five["k"]) == (10, 5)
    assert ten["chosen"] == five["chosen"]
    assert "ndcg@5" in five
    assert {"ndcg@10", "recall@10", "coverage"} <= set(ten)
