"""Arrays for the model: a bad poster is its film's own error, a missing one is a flag."""

from __future__ import annotations

import io

import msgspec
import numpy as np
import pytest
from PIL import Image

from handlers.config import EncoderConfig, PosterModel, TextModel
from handlers.features import FeatureConfig
from handlers.inputs import NO_WORDS, ModelInputs
from handlers.items import EncodeItem
from handlers.text_model import text_files
from handlers.tokens import Tokens

TEXT = TextModel(sha256="", width=384, max_tokens=16)
PLAIN = EncoderConfig(
    name="t", version="1", dim=4, id_namespace="", text_model=TEXT, features=FeatureConfig(genres=("Drama",))
)
WITH_POSTERS = EncoderConfig(
    name="t",
    version="1",
    dim=4,
    id_namespace="",
    text_model=TEXT,
    features=FeatureConfig(genres=("Drama",)),
    poster_model=PosterModel(height=12, width=8, settings={}),
)
BLIND = msgspec.structs.replace(WITH_POSTERS, reads_posters=False)


def picture(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (30, 40), colour).save(out, "PNG")
    return out.getvalue()


ITEMS = [
    EncodeItem(title="one", poster=picture((255, 255, 255))),
    EncodeItem(title="a much longer title than the others have"),
    EncodeItem(title="three", poster=b"no picture"),
    EncodeItem(title="", poster=picture((0, 0, 0))),
]


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return text_files(TEXT).tokens()


def test_a_bad_poster_costs_its_film_alone(tokens: Tokens) -> None:
    read = ModelInputs(ITEMS, tokens, WITH_POSTERS)
    assert read.errors == [None, None, "the poster is no JPEG, PNG or WebP image", None]


def test_posters_become_pixels_and_a_flag(tokens: Tokens) -> None:
    arrays = ModelInputs(ITEMS, tokens, WITH_POSTERS).rows([3, 1, 0])
    assert arrays["has_poster"].tolist() == [1.0, 0.0, 1.0]
    assert arrays["pixels"].shape == (3, 3, 12, 8)
    assert np.unique(arrays["pixels"][0]).tolist() == [-1.0]
    assert np.unique(arrays["pixels"][2]).tolist() == [1.0]


def test_without_title_and_text_nothing_is_attended_to(tokens: Tokens) -> None:
    mask = ModelInputs(ITEMS, tokens, WITH_POSTERS).rows([3, 1])["attention_mask"]
    assert mask[0].sum() == 0
    assert mask[1].sum() > 3


@pytest.mark.parametrize("config", [PLAIN, BLIND], ids=["no ViT", "posters weighed at nothing"])
def test_a_model_without_posters_needs_a_title_or_a_text(tokens: Tokens, config: EncoderConfig) -> None:
    read = ModelInputs(ITEMS, tokens, config)
    assert read.errors == [None, None, None, NO_WORDS]
    assert set(read.rows([0])) == {"input_ids", "attention_mask", "side"}
