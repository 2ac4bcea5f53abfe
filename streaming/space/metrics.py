"""What a space worker counts and times."""

from __future__ import annotations

from streaming.observability.metrics import counter, gauge, histogram

rows_written = counter("space_rows_written", "rows upserted into Milvus", ("kind",))
rows_deleted = counter("space_rows_deleted", "rows deleted from Milvus", ("kind",))
write_seconds = histogram("space_write_seconds", "one upsert with its deletes", ("kind",))
write_failures = counter("space_write_failures", "writes that Milvus did not take", ("kind",))
dropped = counter("space_dirty_dropped", "dirty sets dropped because the last poll was too old", ("kind",))
dirty_rows = gauge("space_dirty_rows", "rows that wait to be written", ("kind",))
pass_seconds = gauge("space_reconciler_pass_seconds", "time of the last whole reconciler pass")
repaired = counter("space_reconciler_repaired", "rows that differed or were missing", ("kind",))
orphans = counter("space_reconciler_orphans", "rows that should not have been there", ("kind",))
records_skipped = counter("space_records_skipped", "records that could not be decoded", ("topic",))
items_encoded = counter("space_items_encoded", "items that got a vector")
items_dead = counter("space_items_dead", "items that went to the DLQ")
gave_way_seconds = counter("space_gave_way_seconds", "time that a backfill waited for the champion's films")
encode_seconds = histogram("space_encode_seconds", "one batch of items through TorchServe")
lag = gauge("space_lag", "records not yet taken", ("topic",))
