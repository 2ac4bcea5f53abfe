"""Which settings to try, and which of the measured ones is best. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.tuning import Serving, Trial

NEAR = 0.97
"""Throughputs this near the highest count as equal: repeated measurements differ by as much."""
LONGER_MS = 2.0
"""A lone request may take so much longer than with the setting that is quickest for it."""
BATCHES = ((1, 0), (4, 1), (16, 1), (32, 1), (16, 5))
"""Batch and delay (ms); a delay of 0 hands over two requests at most, whatever the batch."""
FIRST_BATCH = (8, 1)


def for_workers(cores: int) -> list[Serving]:
    """What holds without tuning, then ways to share ``cores`` out to workers and their threads."""
    shares = {(1, 1), (cores, 1), (1, cores)}
    if cores >= 4:
        shares.add((cores // 2, 2))
    batch, delay = FIRST_BATCH
    return [
        Serving(),
        *(Serving(workers=w, threads=t, batch=batch, delay_ms=delay) for w, t in sorted(shares)),
    ]


def for_batching(chosen: Serving) -> list[Serving]:
    """Other batches and delays for the workers and threads of ``chosen``."""
    return [
        Serving(workers=chosen.workers, threads=chosen.threads, batch=batch, delay_ms=delay)
        for batch, delay in BATCHES
    ]


def best(trials: Sequence[Trial]) -> Trial:
    """The highest throughput that does not make a lone request wait; among equals the quickest alone.

    Raises:
        ValueError: if nothing was measured.
    """
    if not trials:
        raise ValueError("nothing was measured")
    quickest = min(trial.alone_ms for trial in trials)
    fitting = [trial for trial in trials if trial.alone_ms <= quickest + LONGER_MS]
    most = max(trial.per_s for trial in fitting)
    near = [trial for trial in fitting if trial.per_s >= NEAR * most]
    return min(near, key=lambda trial: (trial.alone_ms, trial.serving))
