"""Percentiles that benchmarks take from a scrape, and rates from CPU-seconds."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Histogram

from benchmarks._buckets import at_most, bucket_counts, less
from benchmarks._cpu import Spent
from streaming.observability.metrics import render

BOUNDS = (0.01, 0.05, 0.06)


def test_the_bound_that_holds_the_share_is_given() -> None:
    registry = CollectorRegistry()
    timed = Histogram("marquee_bench_seconds", "t", buckets=BOUNDS, registry=registry)
    timed.observe(5.0)
    before = bucket_counts(render(registry).decode(), "marquee_bench_seconds")
    for seconds in [0.005] * 98 + [0.055, 0.7]:
        timed.observe(seconds)
    counts = less(bucket_counts(render(registry).decode(), "marquee_bench_seconds"), before)
    assert counts[float("inf")] == 100
    assert at_most(counts, 0.5) == 0.01
    assert at_most(counts, 0.98) == 0.01
    assert at_most(counts, 0.99) == 0.06
    assert at_most(counts, 1.0) == float("inf")


def test_a_histogram_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="no histogram"):
        bucket_counts('marquee_other_bucket{le="1.0"} 3\n', "marquee_bench_seconds")


def test_the_start_is_not_counted_and_one_bad_run_decides_nothing() -> None:
    spent = Spent(events=900, idle_s=[1.0, 2.0], busy_s=[6.0, 5.5, 60.0])
    assert spent.rate() == 900 / 4.5
