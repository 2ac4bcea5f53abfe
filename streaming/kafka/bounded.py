"""Blocking calls of the client library that may never return, given up after a while.

librdkafka's ``send_offsets_to_transaction`` does not keep its own timeout while the group's coordinator is
away (librdkafka issue 5456): after a broker was killed it may wait for good.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

from streaming.kafka.exceptions import CallHangsError

_Work = tuple[Callable[[], object], "Future[object]"]


class BoundedCalls:
    """Runs calls one after another on a thread of its own.

    A call that hangs keeps its thread, which is left behind: a daemon, so that the process can end.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[_Work | None] | None = None

    def run(self, call: Callable[[], object], limit_s: float) -> None:
        """Return when ``call`` has returned; what it raises is raised here.

        Raises:
            CallHangsError: it did not return within ``limit_s``; nobody waits for it any more.
        """
        if self._queue is None:
            self._queue = SimpleQueue()
            threading.Thread(target=_serve, args=(self._queue,), name=self._name, daemon=True).start()
        done: Future[object] = Future()
        self._queue.put((call, done))
        try:
            done.result(limit_s)
        except TimeoutError:
            if done.done():
                raise
            self.close()
            raise CallHangsError(f"no answer within {limit_s:g} s") from None

    def close(self) -> None:
        """End the thread, once the call in hand returns."""
        if self._queue is not None:
            self._queue.put(None)
            self._queue = None


def _serve(queue: SimpleQueue[Any]) -> None:
    while (work := queue.get()) is not None:
        call, done = work
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)
        del call, done, work  # a producer that was given up must not be held by an idle thread
