"""The ledger's fold as a quixstreams application: ``fold.py BOOTSTRAP TOPIC COUNT``; prints one JSON line.

Stateful per user (RocksDB and a changelog topic), documents to an output topic, exactly once. Its CPU-seconds
are those of the whole process; with a COUNT of 0 it ends some seconds after its start: the start alone.
"""

import json
import sys
import threading
import time
from datetime import datetime
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]

IDLE_S = 8.0
"""By then the partitions are assigned and their (empty) state is there."""


def main() -> None:
    """Fold until COUNT events were seen and their checkpoint is committed."""
    bootstrap, topic_name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    application = Application(
        broker_address=bootstrap,
        consumer_group=f"quix-{time.time_ns()}",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_every=50_000,
        commit_interval=5.0,
        loglevel="ERROR",
        state_dir=f"quix-state-{time.time_ns()}",
    )
    topic = application.topic(topic_name, value_deserializer="json", key_deserializer="str")
    output = application.topic(f"{topic_name}-quix-users", value_serializer="json", key_serializer="str")
    seen, began = 0, time.monotonic()

    def fold(event: dict[str, Any], state: Any) -> dict[str, Any]:
        nonlocal seen
        document: dict[str, Any] = state.get("document", {})
        at = datetime.fromisoformat(event["event_time"]).timestamp()
        former = document.get(event["item_id"])
        if former is None or former[1] <= at:
            document[event["item_id"]] = [event["value"], at]
            state.set("document", document)
        seen += 1
        return document

    frame = application.dataframe(topic).apply(fold, stateful=True)
    frame.to_topic(output)

    def watch() -> None:
        while seen < count or time.monotonic() - began < IDLE_S:
            time.sleep(0.1)
        application.stop()

    threading.Thread(target=watch, daemon=True).start()
    application.run()
    print(json.dumps({"events": seen, "cpu_s": time.process_time(), "wall_s": time.monotonic() - began}))


if __name__ == "__main__":
    main()
