"""``python -m benchmarks._background RATE USERS ITEMS``: ratings a second until SIGTERM, then their number.

A process of its own, so that what is measured does not wait for it. Settings come from the environment.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from confluent_kafka import Producer

from benchmarks._ratings import VALUES
from streaming.kafka.config import producer_options
from streaming.partition import partition_of
from streaming.settings import Settings, load_settings
from streaming.topics import TopicNames
from tests.support import settings_env

TICK_S = 0.01


@contextlib.contextmanager
def background(settings: Settings, rate: int, users: int, films: int) -> Iterator[list[float]]:
    """``rate`` ratings a second by others meanwhile; the list holds the rate that was reached, afterwards."""
    command = [sys.executable, "-m", "benchmarks._background", str(rate), str(users), str(films)]
    child = subprocess.Popen(command, env={**os.environ, **settings_env(settings)}, stdout=subprocess.PIPE)
    reached: list[float] = []
    try:
        yield reached
    finally:
        child.terminate()
        output, _ = child.communicate(timeout=30)
        sent, seconds = map(float, output.split())
        reached.append(sent / seconds)


def main() -> None:
    """Send until asked to end."""
    rate, users, items = (int(word) for word in sys.argv[1:4])
    settings, rng = load_settings(), random.Random(3)
    topic, parts = TopicNames(settings.namespace).ratings, settings.topics.ratings_partitions
    producer = Producer(producer_options(settings, "bench-background"))
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    began, sent = time.monotonic(), 0
    while not stopped.wait(TICK_S):
        now = datetime.now(UTC).isoformat()
        for _ in range(int((time.monotonic() - began) * rate) - sent):
            user, item, value = f"bg{rng.randrange(users)}", f"b:{rng.randrange(items)}", rng.choice(VALUES)
            body = f'{{"user_id":"{user}","item_id":"{item}","value":{value},"event_time":"{now}"}}'
            producer.produce(topic, body, user, partition=partition_of(user, parts))
            sent += 1
        producer.poll(0)
    left = producer.flush(20)
    print(sent - left, time.monotonic() - began, flush=True)


if __name__ == "__main__":
    main()
