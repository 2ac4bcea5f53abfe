"""Packed words and posters: each that is there, once, and where its cell or film finds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.engines.packing import LEAST, packed


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=6))
def test_each_cell_finds_its_word(rows: list[list[bool]]) -> None:
    mask = np.array(rows, dtype=np.int64)
    ids = np.arange(mask.size, dtype=np.int64).reshape(mask.shape) + 100
    made = packed({"input_ids": ids, "attention_mask": mask, "side": np.ones((len(mask), 1))})
    assert list(made) == ["words", "places", "at", "taken", "attention_mask", "side"]
    assert made["at"].shape == mask.shape
    assert all(made[name].dtype == np.int64 for name in ("words", "places", "at", "taken"))
    seen = mask == 1
    assert np.array_equal(made["words"][made["at"]][seen], ids[seen])
    assert np.array_equal(made["places"][made["at"]][seen], np.nonzero(seen)[1])
    assert np.array_equal(made["at"].reshape(-1)[made["taken"]], np.arange(len(made["taken"])))
    assert len(made["words"]) == max(LEAST, seen.sum())


def test_what_holds_no_words_stays_as_it_is() -> None:
    pixels = np.zeros((2, 3, 4, 4), dtype=np.float32)
    assert packed({"pixels": pixels})["pixels"] is pixels


@pytest.mark.parametrize("shown", [[], [1]])
def test_a_batch_almost_without_words_is_made_up_by_padding(shown: list[int]) -> None:
    mask = np.zeros((1, 3), dtype=np.int64)
    mask[0, shown] = 1
    made = packed({"input_ids": np.array([[7, 8, 9]]), "attention_mask": mask})
    assert len(made["words"]) == len(made["taken"]) >= LEAST


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_each_film_finds_its_poster(there: list[bool]) -> None:
    pixels = np.arange(len(there) * 3, dtype=np.float32).reshape(len(there), 3)
    has = np.array(there, dtype=np.float32)
    made = packed({"pixels": pixels, "has_poster": has})
    assert list(made) == ["pixels", "has_poster", "poster_at"]
    assert made["poster_at"].dtype == np.int64
    assert len(made["pixels"]) == max(1, sum(there))
    seen = has == 1
    assert np.array_equal(made["pixels"][made["poster_at"]][seen], pixels[seen])
    assert made["has_poster"] is has
