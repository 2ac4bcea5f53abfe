"""Ctrl-C ends a command also where a call into librdkafka or gRPC never returns.

Python runs a signal's handler only between two of its own steps, and an exception that it raises still has to
get past whatever closes clients on its way out. So the signal is also heard by a thread.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

GRACE_S = 10.0
"""For the usual way out: whoever stops by himself within it is left alone."""
INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended: 128 + SIGINT, as shells have it."""


def end_on_interrupt(grace_s: float = GRACE_S) -> None:
    """From now on the process ends with code 130 at the latest ``grace_s`` after a Ctrl-C.

    Not where somebody else has taken SIGINT over by then: services, and what asks for it between two steps.
    Call it once, in the main thread.
    """
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)
    signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(ear, grace_s), name="stopping", daemon=True).start()


def _listen(ear: int, grace_s: float) -> None:
    while heard := os.read(ear, 1):
        if heard[0] == signal.SIGINT and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            break
    threading.Event().wait(grace_s)
    sys.stderr.write("stopped\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)
