"""What is counted of every lookup, by space and role: what the gates of a rollout read from ``/metrics``.

Sums and sums of squares, so that a reader has means with intervals over any stretch of time.
"""

from __future__ import annotations

import math
from typing import Literal

from streaming.observability.metrics import counter, gauge, histogram

Role = Literal["champion", "canary", "shadow"]

LEAST_S = 1e-6
"""Shorter times count as this one: the logarithm needs a floor."""

_BY_SPACE = ("space", "role")
_lookups = counter("gateway_lookups", "Lookups answered", (*_BY_SPACE, "source"))
_failures = counter("gateway_lookup_failures", "Lookups that could not be answered", _BY_SPACE)
_empty = counter("gateway_lookup_empty", "Answers without a film", _BY_SPACE)
_seconds = histogram("gateway_lookup_seconds", "Time of a lookup, without HTTP", _BY_SPACE)
_log_sum = gauge("gateway_lookup_log_sum", "Sum of ln(milliseconds) of lookups", _BY_SPACE)
_log_squares = gauge("gateway_lookup_log_squares", "Sum of ln(milliseconds) squared", _BY_SPACE)

_not_reranked = counter("gateway_rerank_failures", "Lookups that a re-ranker could not order", ("space",))
_reranked = counter("gateway_reranked", "Lookups in the order of a re-ranker", _BY_SPACE)

_pairs = counter("gateway_shadow_pairs", "Lookups answered by the user's space and the shadow", ("space",))
_dropped = counter("gateway_shadow_dropped", "Lookups not mirrored: too many waited", ("space",))
_unprofiled = counter("gateway_shadow_unprofiled", "A profile answered the user, none the shadow", ("space",))
_overlap_sum = gauge("gateway_shadow_overlap_sum", "Sum of overlap@k, 0 to 1", ("space",))
_overlap_squares = gauge("gateway_shadow_overlap_squares", "Sum of overlap@k squared", ("space",))
_ratio_sum = gauge("gateway_shadow_log_ratio_sum", "Sum of ln(shadow's time / user's time)", ("space",))
_ratio_squares = gauge("gateway_shadow_log_ratio_squares", "Sum of its squares", ("space",))


def answered(space: str, role: Role, source: str, seconds: float, items: int, reranked: bool = False) -> None:
    """One lookup was answered with so many films."""
    _lookups.labels(space, role, source).inc()
    if reranked:
        _reranked.labels(space, role).inc()
    _seconds.labels(space, role).observe(seconds)
    log = math.log(1000 * max(seconds, LEAST_S))
    _log_sum.labels(space, role).inc(log)
    _log_squares.labels(space, role).inc(log * log)
    if not items:
        _empty.labels(space, role).inc()


def failed(space: str, role: Role) -> None:
    """One lookup could not be answered, through no fault of its caller."""
    _failures.labels(space, role).inc()


def not_reranked(space: str) -> None:
    """A re-ranker could not order one lookup, which was answered in the plain order."""
    _not_reranked.labels(space).inc()


def compared(space: str, overlap: float, ratio: float, unprofiled: bool) -> None:
    """One mirrored lookup beside the user's: overlap@k in 0..1, the shadow's time over the user's."""
    _pairs.labels(space).inc()
    log = math.log(max(ratio, LEAST_S))
    _ratio_sum.labels(space).inc(log)
    _ratio_squares.labels(space).inc(log * log)
    _overlap_sum.labels(space).inc(overlap)
    _overlap_squares.labels(space).inc(overlap * overlap)
    if unprofiled:
        _unprofiled.labels(space).inc()


def dropped(space: str) -> None:
    """One lookup was not mirrored."""
    _dropped.labels(space).inc()


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared films over the longer list; 1 for two empty ones."""
    longer = max(len(one), len(other))
    return len(one & other) / longer if longer else 1.0
