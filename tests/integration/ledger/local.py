"""The local stores of a ledger that is down, and ledgers that die at a named place."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec

from streaming.ledger.store import Meta
from streaming.settings import Settings
from tests.faults.dying import AT, FLAG
from tests.support import MarqueeProcess, settings_env


def state_of(settings: Settings, instance: str = "0") -> Path:
    """The state directory of a ledger."""
    return settings.home / "state" / f"ledger-{instance}"


def stored_meta(settings: Settings, instance: str = "0") -> dict[int, Meta]:
    """Partition -> what its local store says of itself; those never written are left out."""
    found: dict[int, Meta] = {}
    for path in state_of(settings, instance).glob("users-*.sqlite"):
        with closing(sqlite3.connect(path)) as db:
            row = db.execute("select meta from meta").fetchone()
        if row is not None:
            meta = msgspec.msgpack.decode(row[0], type=Meta)
            found[meta.identity.partition] = meta
    return found


class DyingLedger:
    """``marquee run ledger`` that ends itself by SIGKILL at ``place`` once :meth:`die` is called."""

    def __init__(self, settings: Settings, place: str, instance: str = "0") -> None:
        self.flag = settings.home / f"die-{instance}"
        self.flag.unlink(missing_ok=True)
        output = settings.home / "output" / f"dying-{instance}.log"
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.faults.dying",
                    "deploy.cli",
                    "run",
                    "ledger",
                    "--instance",
                    instance,
                ],
                env={**os.environ, **settings_env(settings), AT: place, FLAG: str(self.flag)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def die(self, timeout_s: float = 20.0) -> dict[int, int]:
        """Let it die, at work; the source offsets of the batch it had in hand, where it knew them."""
        self.flag.touch()
        assert self.process.wait(timeout_s) == -signal.SIGKILL, "it did not die where it should"
        known: dict[str, int] = msgspec.json.decode(self.flag.read_bytes())
        self.flag.unlink()
        return {int(partition): offset for partition, offset in known.items()}

    def close(self) -> None:
        """End it in any case."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def as_supervised(ledger: MarqueeProcess) -> int:
    """Start a ledger that ended again, as the supervisor does; how often that was (0 or 1)."""
    if ledger.running:
        return 0
    ledger.restart()
    return 1
