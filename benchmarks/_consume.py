"""``python -m benchmarks._consume COUNT raw|decode``: consume so many ratings; prints its CPU-seconds.

They are those from its birth. With a COUNT of 0 it waits a second on whatever is there: the start alone.
Settings come from the environment.
"""

from __future__ import annotations

import json
import sys
import time

from confluent_kafka import Consumer, TopicPartition

from streaming.events import decode_rating
from streaming.kafka.config import reader_options
from streaming.settings import load_settings
from streaming.topics import TopicNames

IDLE_S = 1.0


def main() -> None:
    """Read every partition from its beginning, with the ledger's queues and batches."""
    count, decode = int(sys.argv[1]), sys.argv[2] == "decode"
    settings = load_settings()
    topic = TopicNames(settings.namespace).ratings
    options = reader_options(settings, "bench-consumer")
    consumer = Consumer(options | {"queued.min.messages": 200_000, "queued.max.messages.kbytes": 262_144})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(settings.topics.ratings_partitions)])
    began, seen = time.monotonic(), 0
    while seen < count or time.monotonic() - began < IDLE_S:
        messages = consumer.consume(settings.ledger.batch, 0.3)
        if decode:
            for message in messages:
                decode_rating(message.value() or b"")
        seen += len(messages)
    print(json.dumps({"events": seen, "cpu_s": time.process_time(), "wall_s": time.monotonic() - began}))
    consumer.close()


if __name__ == "__main__":
    main()
