"""Batches of similar length cover every film once and stay within their limit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from handlers.config import TextModel
from handlers.text_model import text_files
from handlers.tokens import length_buckets, pad


@given(st.lists(st.integers(1, 128), max_size=80), st.integers(1, 512), st.integers(1, 20))
def test_buckets_cover_and_hold_their_limits(lengths: list[int], tokens: int, most: int) -> None:
    buckets = list(length_buckets(lengths, tokens, most))
    assert sorted(int(i) for bucket in buckets for i in bucket) == list(range(len(lengths)))
    for bucket in buckets:
        assert len(bucket) <= most
        longest = max(lengths[i] for i in bucket)
        assert len(bucket) == 1 or len(bucket) * longest <= tokens


def test_padding_is_masked() -> None:
    ids, mask = pad([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert ids.dtype == mask.dtype == np.int64


def test_a_lone_token_is_padded_to_the_shortest_length_the_model_takes() -> None:
    assert pad([[5]])[0].shape == (1, 2)


def test_tokens_truncate_and_take_odd_text() -> None:
    model = TextModel(sha256="", width=384, max_tokens=16)
    tokens = text_files(model).tokens()
    short, long, empty, odd = tokens.encode(["film", "word " * 5000, "", "a\ud800b\0"])
    assert (short[0], short[-1]) == (long[0], long[-1]) == (101, 102)
    assert len(long) == 16
    assert empty == [101, 102]
    assert len(odd) >= 2
