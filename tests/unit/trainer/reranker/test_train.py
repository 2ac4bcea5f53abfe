"""Lists, learning, gate and export: the gate lets through what is better and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import scipy.sparse as sp
import torch

from streaming.gateway.rerank_model import RerankerRefusedError
from streaming.milvus.seen import DISLIKED, LIKED
from trainer.reranker.export import OnnxReranker, to_onnx
from trainer.reranker.features import NAMES, item_side
from trainer.reranker.lists import Lists, known, make_lists, ndcg_of, retrieve
from trainer.reranker.network import MANY_LISTS, LearningOptions, learn, options_for, score
from trainer.reranker.train import train_reranker, train_young

torch.set_num_threads(1)
QUICK = LearningOptions(epochs=6, batch=32)


def lists(seed: int, signal: float, n: int = 300, m: int = 20) -> Lists:
    """Lists in which relevance follows column 19 by ``signal``, and the first stage not at all."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, m, len(NAMES))).astype(np.float32)
    x[:, :, 0] = np.sort(x[:, :, 0], axis=1)[:, ::-1]
    odds = 1 / (1 + np.exp(-(signal * x[:, :, 19] - 2)))
    relevant = rng.random((n, m)) < odds
    return Lists(np.arange(n), np.tile(np.arange(m), (n, 1)), x, relevant, relevant.sum(axis=1))


def test_what_can_be_learnt_is_learnt_and_passes_the_gate() -> None:
    trained = train_reranker(lists(0, 2.0), QUICK)
    assert trained is not None
    assert trained.gate.passed
    assert trained.gate.reranked > trained.gate.plain + 0.05
    other = lists(99, 2.0)
    first = np.broadcast_to(-np.arange(20.0), other.items.shape)
    assert ndcg_of(score(trained.networks, other), other).mean() > ndcg_of(first, other).mean() + 0.05


def test_noise_does_not_pass_the_gate() -> None:
    passed = [train_reranker(lists(seed, 0.0), QUICK) for seed in range(3)]
    assert sum(t is not None and t.gate.passed for t in passed) == 0


def test_users_with_few_ratings_get_networks_only_where_these_are_better_than_the_others() -> None:
    main = train_reranker(lists(0, 2.0), QUICK)
    assert main is not None
    unlearnt = LearningOptions(epochs=1, rate=1e-9)
    assert train_young(main, lists(1, 2.0), unlearnt) is None
    turned = lists(2, -2.0)
    found = train_young(main, turned, QUICK)
    assert found is not None
    assert found.gate.reranked > found.gate.plain
    many_of_few = replace(turned, users=turned.users % 20)
    assert train_young(main, many_of_few, QUICK) is None


def test_too_few_lists_train_nothing() -> None:
    assert train_reranker(lists(0, 2.0, n=20), QUICK) is None


def test_the_same_seed_gives_the_same_network() -> None:
    data = lists(1, 1.0, n=80)
    a, b = (learn(data, QUICK).state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_an_unlearnt_network_keeps_the_order_of_the_first_stage() -> None:
    data = lists(2, 1.0, n=60)
    fresh = learn(data, LearningOptions(epochs=1, rate=1e-9, batch=64))
    order = np.argsort(-score([fresh], data), axis=1, kind="stable")
    assert (order[:, 0] == 0).mean() > 0.9


def test_onnx_says_what_torch_says() -> None:
    data = lists(3, 1.0, n=60)
    networks = [learn(data, LearningOptions(epochs=1, seed=seed)) for seed in range(3)]
    reranker = OnnxReranker(to_onnx(networks, {"a": 1}))
    np.testing.assert_allclose(reranker.score(data.features[0]), score(networks, data)[0], atol=1e-4)
    assert json.loads(reranker.metadata["notes"]) == {"a": 1}


@pytest.mark.parametrize("few", [9, 50])
def test_users_with_few_ratings_are_ordered_by_networks_of_their_own(few: int) -> None:
    data, other = lists(3, 1.0, n=60), lists(4, 1.0, n=60)
    column = NAMES.index("rated_count")
    quick = LearningOptions(epochs=1)
    networks, young = [learn(data, quick)], [learn(other, quick), learn(data, replace(quick, seed=1))]
    reranker = OnnxReranker(to_onnx(networks, {}, young, few))
    for rated, whose in ((1, young), (few, young), (few + 1, networks), (500, networks)):
        data.features[:, :, column] = np.log1p(rated)
        np.testing.assert_allclose(reranker.score(data.features[0]), score(whose, data)[0], atol=1e-4)


def test_a_model_of_another_contract_is_refused() -> None:
    model = onnx.load_from_string(to_onnx([learn(lists(3, 1.0, n=60), LearningOptions(epochs=1))], {}))
    for entry in model.metadata_props:
        if entry.key == "contract":
            entry.value = "999"
    with pytest.raises(RerankerRefusedError, match="other features"):
        OnnxReranker(model.SerializeToString())


def world() -> tuple[np.ndarray, sp.csr_matrix]:
    rng = np.random.default_rng(4)
    return rng.normal(size=(9, 4)).astype(np.float32), sp.csr_matrix((2, 9))


def test_retrieval_is_exact_unseen_and_in_order() -> None:
    vectors, _ = world()
    side = item_side(vectors, np.zeros((9, 1), bool), np.zeros(9, np.float32), np.ones(9, np.int64))
    profile = np.ones((1, 4), dtype=np.float32)
    seen = sp.csr_matrix((np.ones(2), ([0, 0], [2, 5])), shape=(1, 9))
    got = retrieve(profile, side, seen, np.array([0]), m=8)[0]
    want = [i for i in np.argsort(-(vectors @ profile[0])) if i not in (2, 5)]
    assert got.tolist() == [*want, -1]


def test_making_lists_leaves_the_history_as_it_was() -> None:
    # a shared index array was once re-written here, and every seen film with it
    vectors, _ = world()
    side = item_side(vectors, np.zeros((9, 1), bool), np.zeros(9, np.float32), np.ones(9, np.int64))
    history = known(np.array([0, 0, 1]), np.array([1, 4, 2]), np.array([5.0, 1.0, 4.0]), (2, 9), (4.0, 3.0))
    relevant = sp.csr_matrix((np.ones(2), ([0, 1], [3, 3])), shape=(2, 9))
    made = make_lists(lambda liked: liked @ vectors, side, history, relevant, np.arange(2), m=5)
    rows, classes = history.of(0)
    assert rows.tolist() == [1, 4]
    assert classes.tolist() == [LIKED, DISLIKED]
    assert not set(made.items[0]) & {1, 4}
    assert made.relevant.sum(axis=1).tolist() == [int(3 in made.items[0]), int(3 in made.items[1])]
    assert made.total.tolist() == [1, 1]


def test_more_is_learnt_where_there_are_many_lists() -> None:
    few, many = options_for(MANY_LISTS - 1, 3), options_for(MANY_LISTS, 3)
    assert few == LearningOptions(seed=3)
    assert (many.seed, many.hidden > few.hidden, many.epochs > few.epochs) == (3, True, True)
