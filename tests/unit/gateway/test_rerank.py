"""Re-ranking from what a gateway holds: the trainer's own fixture, and an order computed by another way."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from deploy.packages import voucher
from handlers.signatures import load_private_key, sign
from model_store import generate_key
from streaming.control.documents import MEAN, WEIGHTED, Policy
from streaming.documents import Counts, VectorDocument, bucket_of, popular_key
from streaming.documents.vector import SCHEMA
from streaming.exceptions import MarqueeError, UnavailableError
from streaming.gateway.catalogue import Catalogue, MatrixBudget
from streaming.gateway.popular import PopularCounts
from streaming.gateway.rerank import ODDS_S, SpaceReranker, misfit
from streaming.gateway.rerank_features import CANDIDATES, CONTRACT, NAMES
from streaming.gateway.rerank_files import load_reranker
from streaming.gateway.rerank_model import OnnxReranker, RerankerRefusedError
from streaming.settings import Settings, TrustSettings
from tests.support_reranker import model, write_package
from trainer.reranker.features import features, item_side
from trainer.reranker.parity import FILE

torch.set_num_threads(1)
FIXTURE: dict[str, Any] = json.loads(FILE.read_text())
GENRES = ("a", "b", "c", "d")
NOTES = {"like_threshold": 4.0}


def document(vector: Any, genres: tuple[str, ...] = (), year: int | None = None) -> VectorDocument:
    return VectorDocument(
        SCHEMA, np.asarray(vector, dtype=np.float32).tobytes(), "t", year, genres, "", "p@1"
    )


def held(catalogue: dict[str, Any]) -> tuple[Catalogue, PopularCounts]:
    """The fixture's films as a gateway comes to hold them: one more came and went, genres have no order."""
    vectors = catalogue["vectors"]
    made = Catalogue(len(vectors[0]), MatrixBudget(64))
    films = [("gone", document(np.ones(len(vectors[0])), ("z", "a"), 1990))]
    for row, vector in enumerate(vectors):
        marks = catalogue["genres"][row]
        genres = tuple(name for name, mark in zip(GENRES, marks, strict=True) if mark)
        films.append((str(row), document(vector, genres[::-1], int(catalogue["years"][row]) or None)))
    made.apply(films)
    made.apply([("gone", None)])
    popular = PopularCounts(90.0)
    buckets: dict[int, Counts] = {}
    for row, likes in enumerate(catalogue["likes"]):
        item = str(row)
        buckets.setdefault(bucket_of(item), {})[item] = [(100, likes - 1), (101, 1)] if likes > 1 else []
    # films that this space does not have count for nothing
    buckets.setdefault(bucket_of("elsewhere"), {})["elsewhere"] = [(100, 5_000)]
    for bucket, counts in buckets.items():
        popular.put(popular_key(4.0, 0, bucket), {item: weeks for item, weeks in counts.items() if weeks})
    return made, popular


@pytest.mark.parametrize("case", FIXTURE["cases"], ids=lambda case: case["name"])
def test_the_features_are_the_trainers(case: dict[str, Any]) -> None:
    catalogue, popular = held(FIXTURE["catalogue"])
    reranker = SpaceReranker(model(0, NOTES), catalogue, popular, 4.0)
    scored = [(str(row), 1.0) for row in case["candidates"]]
    rated = [str(row) for row in case["rated"]]
    found = reranker.features(scored, rated, np.array(case["classes"], dtype=np.uint8))
    assert found is not None
    np.testing.assert_allclose(found[1], case["features"], atol=1e-4)
    assert found[0].tolist() == list(range(len(scored)))


def test_the_fixture_is_of_this_contract() -> None:
    assert (FIXTURE["contract"], tuple(FIXTURE["columns"])) == (CONTRACT, NAMES)


def world(items: int = 260, dim: int = 8) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    marks = rng.random((items, len(GENRES))) < 0.4
    return {
        "vectors": rng.normal(0, 0.3, (items, dim)).astype(np.float32).tolist(),
        "genres": marks.astype(int).tolist(),
        "years": rng.integers(1930, 2020, items).astype(float).tolist(),
        "likes": rng.integers(2, 50, items).tolist(),
    }


def test_the_first_200_are_put_in_the_models_order_and_the_rest_stays() -> None:
    made = world()
    catalogue, popular = held(made)
    onnx = model(5, NOTES)
    side = item_side(
        np.array(made["vectors"], dtype=np.float32),
        np.array(made["genres"], dtype=bool),
        np.array(made["years"], dtype=np.float32),
        np.array(made["likes"], dtype=np.int64),
    )
    rated, classes = np.arange(30), np.array([1, 2, 3] * 10, dtype=np.uint8)
    candidates = np.arange(30, 260)
    want = candidates[:CANDIDATES][onnx.order(features(side, rated, classes, candidates[:CANDIDATES]))]
    scored = [(str(row), float(-n)) for n, row in enumerate(candidates)]
    got = SpaceReranker(onnx, catalogue, popular, 4.0).rerank(scored, [str(r) for r in rated], classes)
    assert got is not None
    assert [item for item, _ in got] == [str(row) for row in [*want, *candidates[CANDIDATES:]]]
    assert dict(got) == dict(scored), "each film keeps its first-stage score"
    assert [item for item, _ in got[:CANDIDATES]] != [item for item, _ in scored[:CANDIDATES]]


def test_films_that_have_just_gone_are_left_out() -> None:
    catalogue, popular = held(world(40))
    reranker = SpaceReranker(model(5, NOTES), catalogue, popular, 4.0)
    scored = [(str(row), 1.0) for row in (3, 4, 5)]
    catalogue.apply([("4", None)])
    got = reranker.rerank(scored, ["1"], np.array([1], dtype=np.uint8))
    assert got is not None
    assert sorted(item for item, _ in got) == ["3", "5"]
    assert reranker.rerank([("nowhere", 1.0)], [], np.zeros(0, dtype=np.uint8)) == [("nowhere", 1.0)]


def test_without_vectors_there_is_no_order() -> None:
    catalogue = Catalogue(4, MatrixBudget(0))
    catalogue.apply([("1", document(np.ones(4)))])
    assert not catalogue.holds_vectors
    reranker = SpaceReranker(model(5, NOTES), catalogue, PopularCounts(90.0), 4.0)
    assert reranker.rerank([("1", 1.0)], [], np.zeros(0, dtype=np.uint8)) is None


def test_likes_count_at_once_and_the_catalogues_means_after_a_while() -> None:
    catalogue, popular = held(world(40))
    now = [0.0]
    reranker = SpaceReranker(model(5, NOTES), catalogue, popular, 4.0, clock=lambda: now[0])

    def popularity() -> float:
        found = reranker.features([("1", 1.0), ("2", 1.0)], ["3"], np.array([1], dtype=np.uint8))
        assert found is not None
        return float(found[1][0, NAMES.index("popularity")])

    before = popularity()
    popular.put(popular_key(4.0, 1, bucket_of("1")), {"1": [(100, 1_000)]})
    soon = popularity()
    assert soon > before + 3
    now[0] = ODDS_S + 1
    assert popularity() < soon


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (MEAN, None),
        (WEIGHTED, "weighted"),
        (Policy(half_life_days=90), "mean-90d"),
        (Policy(like_threshold=3.5), "learnt from likes of 4.0"),
    ],
)
def test_only_the_policy_that_was_measured_is_re_ranked(policy: Policy, why: str | None) -> None:
    found = misfit(model(0, NOTES), policy)
    assert found is None if why is None else why in str(found)


def anybody(manifest: bytes, signature: bytes | None) -> None:
    """Who signed does not matter here."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_package_gives_its_re_ranker_and_one_without_gives_none(settings: Settings) -> None:
    write_package(Path(settings.models), "with", "1", 5, NOTES)
    write_package(Path(settings.models), "without", "1", None)
    loaded = load_reranker(settings, "with", "1", anybody)
    assert isinstance(loaded, OnnxReranker)
    assert loaded.notes == NOTES
    assert load_reranker(settings, "without", "1", anybody) is None


def test_what_is_not_there_may_come_and_what_is_wrong_stays_wrong(settings: Settings) -> None:
    root = Path(settings.models)
    with pytest.raises(UnavailableError, match="absent@1 cannot be read"):
        load_reranker(settings, "absent", "1", anybody)
    folder = write_package(root, "torn", "1", 5, NOTES)
    content = (folder / "reranker.onnx").read_bytes()
    (folder / "reranker.onnx").write_bytes(content[:-1])
    with pytest.raises(RerankerRefusedError, match="checksum"):
        load_reranker(settings, "torn", "1", anybody)
    (folder / "reranker.onnx").unlink()
    with pytest.raises(RerankerRefusedError, match="missing"):
        load_reranker(settings, "torn", "1", anybody)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(RerankerRefusedError, match=r"manifest\.json"):
        load_reranker(settings, "torn", "1", anybody)


def test_who_vouches_counts_as_much_as_checksums(settings: Settings) -> None:
    generate_key(settings.home / "ours.pem")
    generate_key(settings.home / "theirs.pem")
    trust = TrustSettings(keys=str(settings.home / "ours.pub.pem"))
    ours = voucher(settings.model_copy(update={"trust": trust}))
    folder = write_package(Path(settings.models), "with", "1", 5, NOTES)
    manifest = folder / "manifest.json"
    with pytest.raises(RerankerRefusedError, match="with@1 is not signed"):
        load_reranker(settings, "with", "1", ours)
    assert load_reranker(settings, "with", "1", voucher(settings)) is not None
    signature = folder / "signature.json"
    signature.write_bytes(sign(manifest.read_bytes(), load_private_key(settings.home / "theirs.pem")))
    with pytest.raises(RerankerRefusedError, match="no trusted key"):
        load_reranker(settings, "with", "1", ours)
    signature.write_bytes(sign(manifest.read_bytes(), load_private_key(settings.home / "ours.pem")))
    assert load_reranker(settings, "with", "1", ours) is not None
    # what was signed serves under its own name only
    shutil.copytree(folder, folder.with_name("2"))
    with pytest.raises(RerankerRefusedError, match="is that of with@1"):
        load_reranker(settings, "with", "2", ours)
    manifest.write_bytes(manifest.read_bytes() + b" ")
    for vouch in (ours, voucher(settings)):
        with pytest.raises(RerankerRefusedError, match="bad signature"):
            load_reranker(settings, "with", "1", vouch)


def test_a_key_that_cannot_be_read_is_told_before_anything_serves(settings: Settings) -> None:
    missing = TrustSettings(keys=str(settings.home / "missing.pem"))
    with pytest.raises(MarqueeError, match=r"missing\.pem"):
        voucher(settings.model_copy(update={"trust": missing}))


def test_bytes_that_are_no_model_are_refused(settings: Settings) -> None:
    folder = write_package(Path(settings.models), "odd", "1", 5, NOTES)
    (folder / "reranker.onnx").write_bytes(b"no model")
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    manifest["files"]["reranker.onnx"]["sha256"] = hashlib.sha256(b"no model").hexdigest()
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(RerankerRefusedError, match="cannot be loaded"):
        load_reranker(settings, "odd", "1", anybody)
