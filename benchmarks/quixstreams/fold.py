"""The ledger's fold as a quixstreams application: ``fold.py BOOTSTRAP TOPIC COUNT``; prints one JSON line.

Stateful per user (RocksDB and a changelog topic), documents to an output topic, exactly once.
"""

import json
import sys
import threading
import time
from datetime import datetime

from quixstreams import Application


def main() -> None:
    bootstrap, topic_name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    application = Application(
        broker_address=bootstrap,
        consumer_group=f"quix-{time.time_ns()}",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_every=50_000,
        commit_interval=5.0,
        loglevel="ERROR",
        state_dir="quix-state",
    )
    topic = application.topic(topic_name, value_deserializer="json", key_deserializer="str")
    output = application.topic(f"{topic_name}-quix-users", value_serializer="json", key_serializer="str")
    seen = 0
    started: tuple[float, float] | None = None

    def fold(event: dict, state) -> dict:
        nonlocal seen, started
        if started is None:
            started = (time.process_time(), time.monotonic())
        document = state.get("document", {})
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
        while seen < count:
            time.sleep(0.1)
        application.stop()

    threading.Thread(target=watch, daemon=True).start()
    application.run()
    assert started is not None
    print(
        json.dumps(
            {
                "events": seen,
                "cpu_s": time.process_time() - started[0],
                "wall_s": time.monotonic() - started[1],
            }
        )
    )


if __name__ == "__main__":
    main()
