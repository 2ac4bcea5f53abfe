"""The fusion encoder's parts on small sizes: what is missing is masked, what is there counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from handlers.config import FusionConfig, KernelConfig
from handlers.features import FeatureConfig, side_features
from handlers.fusion import FusionTransformer, Likeness, poster_vector
from handlers.items import EncodeItem
from trainer.evaluation.kernel import Kernel, likeness

FEATURES = FeatureConfig(genres=("Comedy", "Drama"), hashed={"directors": 8, "cast": 8})
KERNEL = KernelConfig(genres=0.7, text=1.3, people=0.9, names=0.4, year_share=0.6, year_scale=5.0)
FUSION = FusionConfig(width=16, depth=2, heads=2, anchors=3, kernel=KERNEL)
TEXT, POSTER, DIM = 12, 8, 5
FILMS = (
    EncodeItem(title="a", year=1974, genres=("Drama",), cast=("x", "y"), directors=("z",)),
    EncodeItem(title="b", year=1999, genres=("Drama", "Comedy"), cast=("x",)),
    EncodeItem(title="c"),
)


def inputs(seed: int = 0) -> dict[str, Tensor]:
    """Three films: everything; no poster; neither text nor poster."""
    made = torch.Generator().manual_seed(seed)
    return {
        "states": torch.randn(3, 6, TEXT, generator=made),
        "attention_mask": torch.tensor([[1] * 6, [1, 1, 1, 0, 0, 0], [0] * 6]),
        "side": torch.from_numpy(side_features(FILMS, FEATURES)),
        "poster": torch.randn(3, 4, POSTER, generator=made),
        "has_poster": torch.tensor([1.0, 0.0, 0.0]),
    }


@pytest.fixture(scope="module")
def fusion() -> FusionTransformer:
    torch.manual_seed(0)
    made = FusionTransformer(FUSION, FEATURES, TEXT, POSTER, DIM, dropout=0.3)
    torch.nn.init.normal_(made.head.weight)
    return made.eval()


def test_it_begins_as_the_base_alone() -> None:
    made = FusionTransformer(FUSION, FEATURES, TEXT, POSTER, DIM, dropout=0.0)
    assert not made(**inputs()).any()


@pytest.mark.parametrize(("part", "rows"), [("poster", [1, 2]), ("states", [2])])
def test_what_is_missing_is_not_looked_at(fusion: FusionTransformer, part: str, rows: list[int]) -> None:
    one, other = inputs(), inputs()
    other[part] = inputs(seed=1)[part]
    with torch.no_grad():
        changed = (fusion(**one) - fusion(**other)).abs().amax(dim=1) > 1e-5
    assert changed.tolist() == [row not in rows for row in range(3)]


def test_a_poster_and_no_poster_differ(fusion: FusionTransformer) -> None:
    one, other = inputs(), inputs()
    other["has_poster"] = torch.zeros(3)
    with torch.no_grad():
        assert (fusion(**one) - fusion(**other))[0].abs().max() > 1e-3


def test_padding_changes_nothing(fusion: FusionTransformer) -> None:
    one, wide = inputs(), inputs()
    wide["states"] = torch.cat([wide["states"], torch.full((3, 4, TEXT), 9.0)], dim=1)
    wide["attention_mask"] = torch.nn.functional.pad(wide["attention_mask"], (0, 4))
    with torch.no_grad():
        assert torch.allclose(fusion(**one), fusion(**wide), atol=1e-5)


def test_each_group_of_metadata_counts(fusion: FusionTransformer) -> None:
    for name, (first, last) in FEATURES.columns.items():
        one, other = inputs(), inputs()
        other["side"] = other["side"].clone()
        other["side"][0, first:last] = other["side"][2, first:last]
        with torch.no_grad():
            assert (fusion(**one) - fusion(**other))[0].abs().max() > 1e-4, name


def test_likeness_is_the_kernel_of_the_evaluation() -> None:
    base = Likeness(FUSION, FEATURES, TEXT, POSTER, DIM)
    side, text = side_features(FILMS, FEATURES), np.random.default_rng(0).standard_normal((3, TEXT))
    tensors = torch.from_numpy(text.astype(np.float32)), torch.from_numpy(side), torch.zeros(3, POSTER)
    base.set_anchors(*tensors)
    got = base.matrix(*tensors).numpy()
    years = np.array([film.year or 0 for film in FILMS], dtype=np.float64)
    people = side[:, FEATURES.columns["directors"][0] :].astype(np.float64)
    alike = likeness(side[:, :3].astype(np.float64), text, people, years)
    want = Kernel(genres=0.7, text=1.3, people=0.9, year_share=0.6, year_scale=5.0).matrix(alike)
    want += 0.4 * alike.people  # no countries or languages here: people are names
    assert np.allclose(got, want, atol=1e-5)


def test_a_film_without_poster_has_no_poster_vector() -> None:
    given = inputs()
    lengths = poster_vector(given["poster"], given["has_poster"]).norm(dim=1)
    assert lengths.tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)
