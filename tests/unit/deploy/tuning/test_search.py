"""Which settings are tried, and which wins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.tuning import best, for_batching, for_workers
from deploy.tuning.search import LONGER_MS, NEAR
from handlers.tuning import Serving, Trial


def trial(per_s: float, alone_ms: float, batch: int = 1) -> Trial:
    return Trial(serving=Serving(batch=batch), per_s=per_s, p99_ms=1.0, alone_ms=alone_ms)


@given(st.integers(1, 128))
def test_no_setting_wants_more_than_the_cores_and_each_is_tried_once(cores: int) -> None:
    tried = for_workers(cores)
    assert len(set(map(str, tried))) == len(tried)
    assert tried[0] == Serving(), "what tuning gains cannot be seen"
    assert Serving(batch=8, delay_ms=1) in tried
    for serving in [*tried[1:], *for_batching(tried[-1])]:
        assert serving.workers * serving.threads <= cores


def test_the_highest_throughput_wins_among_those_that_keep_a_lone_request_quick() -> None:
    slow = trial(200.0, 10.0 + LONGER_MS + 0.1, batch=16)
    assert best([trial(100.0, 10.0), trial(120.0, 10.0 + LONGER_MS), slow]).per_s == 120.0


def test_among_equals_the_quickest_alone_wins() -> None:
    assert best([trial(100.0, 11.0, 16), trial(100.0 * NEAR, 10.0, 1)]).serving.batch == 1
    assert best([trial(100.0, 11.0, 16), trial(100.0 * NEAR - 1, 10.0, 1)]).serving.batch == 16


def test_nothing_measured_is_no_answer() -> None:
    with pytest.raises(ValueError, match="nothing"):
        best([])
