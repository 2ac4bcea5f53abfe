"""A training gives its package a head for searches where that finds better than asking as films."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.encoder.tiny import OPTIONS, write_data
from trainer.data import load_items
from trainer.space import train as training
from trainer.space import train_space, write_package
from trainer.space.searching import AS_FILMS, FOUND
from trainer.space.train import encode_items

WITHOUT_RERANKER = replace(OPTIONS, rerank=False)
ENDS = ("a whale", "two spies", "an old violin", "the last train", "a stolen painting", "three sisters")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny films, with texts that say at their ends what they said at their beginnings."""
    folder = write_data(tmp_path_factory.mktemp("texts") / "data")
    texts = {}
    for number, film in enumerate(encode_items(list(load_items(folder)))):
        about = (
            f"{ENDS[number % len(ENDS)]} in {film.title.split()[0]} {ENDS[number // len(ENDS) % len(ENDS)]}"
        )
        texts[film.item_id.partition(":")[2]] = " ".join([about] * 12 + ["and so on"] * 20 + [about] * 6)
    (folder / "abstracts.json").write_text(json.dumps(texts))
    return folder


def test_a_head_that_finds_better_is_packaged(data: Path, tmp_path: Path) -> None:
    trained = train_space(data, "searched", "1", WITHOUT_RERANKER)
    assert trained.metrics[FOUND] > trained.metrics[AS_FILMS]
    query = trained.config.query
    assert query is not None
    assert trained.weights["query_head.vectors"].shape == (query.films, trained.config.dim)
    assert trained.weights["known_text"].shape[0] == query.films
    place = {item_id: i for i, item_id in enumerate(trained.item_ids)}
    assert len(place) > query.films, "films that nobody rated are none to compare with"
    package = write_package(trained, tmp_path / "packages")
    assert FOUND in (package.path / "MODEL_CARD.md").read_text()


def test_one_that_finds_worse_is_not(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = training.search_figures

    def turned(*arguments: object) -> dict[str, float]:
        found = real(*arguments)  # type: ignore[arg-type]
        return {FOUND: found[AS_FILMS], AS_FILMS: found[FOUND]}

    monkeypatch.setattr(training, "search_figures", turned)
    trained = train_space(data, "searched", "2", WITHOUT_RERANKER)
    assert trained.config.query is None
    assert not {"query_head.vectors", "known_text"} & set(trained.weights)
