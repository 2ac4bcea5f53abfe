"""What a ledger measures."""

from __future__ import annotations

from streaming.observability.metrics import counter, gauge, histogram

EVENTS = counter("ledger_events", "records of ratings.v1 folded and committed")
BATCHES = counter("ledger_batches", "committed transactions")
ABORTS = counter("ledger_aborts", "transactions that were aborted")
DOCUMENTS = counter("ledger_documents", "user documents written")
DEAD = counter("ledger_dead_letters", "records that went to the dead letter queue")
FORWARDS = counter("ledger_forwards", "misplaced records that were forwarded")
BATCH_S = (
    *(ms / 1000 for ms in (2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80)),
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
"""Fine where a micro-batch lies, and with its goal (60 ms) as a bound."""
TRANSACTION_S = histogram(
    "ledger_transaction_seconds", "from the batch in hand to its commit", buckets=BATCH_S
)
LAG = gauge("ledger_lag_records", "records not yet folded", ("partition",))
LAG_RETENTION = gauge("ledger_lag_of_retention", "age of the lag as a share of retention", ("partition",))
LAG_HOURS = gauge("ledger_lag_hours", "age of the newest record folded where records wait", ("partition",))
PARTITIONS = gauge("ledger_partitions", "owned partitions by phase of their take-over", ("phase",))
STORES_FAILED = gauge("ledger_stores_failed", "owned partitions whose local store cannot be used")
"""Not an error by itself: memory holds what the disk does not."""
