"""A ledger that ends itself by SIGKILL at a named place: ``python -m tests.faults.dying MODULE ARGUMENTS``.

``MARQUEE_TEST_DIE_AT`` names the place, ``MARQUEE_TEST_DIE_FLAG`` a file. While it does not exist, the
process passes the place; once it does, it dies there, having written what it knew into the file.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.launcher import switch_off
from tests.faults.protections import VARIABLE

AT, FLAG = "MARQUEE_TEST_DIE_AT", "MARQUEE_TEST_DIE_FLAG"


def _offsets(batch: Any, changes: Any, *_: Any) -> dict[str, int]:
    return {str(place.partition): place.offset for place in batch.offsets(changes)}


def _flushed(batch: Any, changes: Any, *_: Any) -> dict[str, int]:
    # the records are at the broker before the process dies: its transaction hangs
    batch._producer._producer.flush()
    return _offsets(batch, changes)


def _nothing(*_: Any) -> dict[str, int]:
    return {}


PLACES: dict[str, tuple[str, Callable[..., dict[str, int]]]] = {
    "in the transaction": ("streaming.ledger.batches:Batch.commit", _flushed),
    "committed, not in memory": ("streaming.ledger.batches:Batch.apply", _offsets),
    "in memory, not in the store": ("streaming.ledger.store:PartitionStore.write", _nothing),
    "in the middle of the store": ("streaming.ledger.store:_encode", _nothing),
}
"""Place -> the function at whose door the process dies, and what it leaves to say."""


def die_at(place: str, flag: Path) -> None:
    """Arrange for it, in this process."""
    target, words = PLACES[place]
    module_name, path = target.split(":")
    owner: Any = importlib.import_module(module_name)
    *outer, attribute = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    passed = getattr(owner, attribute)

    def door(*arguments: Any, **named: Any) -> Any:
        if flag.exists():
            flag.write_text(json.dumps(words(*arguments)))
            os.kill(os.getpid(), signal.SIGKILL)
        return passed(*arguments, **named)

    setattr(owner, attribute, door)


def main() -> None:
    """Arrange, then run the module as ``python -m`` would."""
    if name := os.environ.get(VARIABLE):
        switch_off(name)
    die_at(os.environ[AT], Path(os.environ[FLAG]))
    module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
