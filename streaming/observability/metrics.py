"""Prometheus metrics: buckets that fit Marquee's times, and the text that a scrape gets."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

LATENCY_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bucket bounds in seconds: from a lookup to a catch-up."""

__all__ = ["CONTENT_TYPE_LATEST", "LATENCY_S", "counter", "gauge", "histogram", "render"]


def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
    """``marquee_<name>_total``; what it counts is said by ``text``."""
    return Counter(f"marquee_{name}", text, labels)


def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
    """``marquee_<name>``, a value that goes up and down."""
    return Gauge(f"marquee_{name}", text, labels)


def histogram(
    name: str, text: str, labels: tuple[str, ...] = (), buckets: tuple[float, ...] = LATENCY_S
) -> Histogram:
    """``marquee_<name>`` in seconds unless its name says otherwise."""
    return Histogram(f"marquee_{name}", text, labels, buckets=buckets)


def render(registry: CollectorRegistry = REGISTRY) -> bytes:
    """The scrape's text, of content type ``CONTENT_TYPE_LATEST``."""
    return generate_latest(registry)
