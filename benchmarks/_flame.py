"""``python -m benchmarks._flame OUT.svg [EVENTS]``: a flame graph of the ledger catching up, by py-spy.

Shows the Python threads with native frames; librdkafka's own threads are not Python's, so the CPU-seconds of
every thread are printed besides. py-spy comes by ``uv tool run`` and is no dependency.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
from rich.console import Console

from benchmarks._ratings import send, six_thousand_users, zipf_users
from benchmarks._services import end, services, start, wait_for
from benchmarks.ledger import applied
from streaming.kafka.admin import OffsetAdmin

console = Console(stderr=True)


def threads(process: psutil.Process) -> dict[str, float]:
    """CPU-seconds of the living threads of a process by their name."""
    spent: dict[str, float] = {}
    for thread in process.threads():
        name = Path(f"/proc/{process.pid}/task/{thread.id}/comm").read_text().strip()
        spent[name] = spent.get(name, 0.0) + thread.user_time + thread.system_time
    return {name: round(seconds, 2) for name, seconds in sorted(spent.items())}


def main() -> None:
    """Send, start, record until everything is committed."""
    picture = sys.argv[1]
    data, events = (
        Path(os.environ.get("MARQUEE_DATA", "../shared/data")),
        int((sys.argv[2:] or ["1000000"])[0]),
    )
    with services() as settings:
        rows = list(zipf_users(events)) if sys.argv[3:] == ["zipf"] else six_thousand_users(data, events)[1]
        count, admin = send(settings, rows), OffsetAdmin(settings, "bench-admin")
        child = start(settings, "ledger")
        process = psutil.Process(child.pid)
        recorder: subprocess.Popen[bytes] | None = None
        if picture != "-":
            # not the imports
            wait_for(lambda: applied(settings, admin), 60, "the first records are committed")
            kind = "flamegraph" if picture.endswith(".svg") else "raw"
            record = ["py-spy", "record", "--native", "--rate", "200", "--format", kind]
            record += ["--output", picture, "--pid", str(child.pid), "--duration", "300"]
            recorder = subprocess.Popen(["uv", "tool", "run", *record], stdout=subprocess.DEVNULL)
        wait_for(lambda: applied(settings, admin) >= count, 600, "everything is committed")
        print(
            json.dumps({"events": count, "cpu_s": sum(process.cpu_times()[:2]), "threads": threads(process)})
        )
        end(child)
        if recorder is not None:
            recorder.wait()


if __name__ == "__main__":
    main()
