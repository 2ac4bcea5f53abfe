"""One child process of the stack: started, watched, stopped, and found again if its parent was killed.

Every child carries ``MARQUEE_STACK_ID`` (the absolute home) and ``MARQUEE_STACK_SERVICE`` in its
environment. Grandchildren inherit them, so :func:`leftovers` finds everything that a stack started,
whatever died in between.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from deploy.stack.exceptions import StartError, UnhealthyError

STACK_ID = "MARQUEE_STACK_ID"
SERVICE = "MARQUEE_STACK_SERVICE"
KILL_GRACE_S = 3.0
POLL_S = 0.1
LOG_BYTES = 32 * 2**20


class ManagedProcess:
    """A service: a command, a directory, a log file. Subclasses say what healthy means.

    Args:
        name: unique within the stack; the log is ``<log_dir>/<name>.log``.
        directory: the service's own files.
        stack_id: groups the processes that belong together (see the module).
    """

    stop_timeout_s = 10.0
    start_timeout_s = 60.0

    def __init__(
        self, name: str, directory: Path, *, log_dir: Path | None = None, stack_id: str = ""
    ) -> None:
        self.name = name
        self.directory = directory.absolute()
        self.log_path = (log_dir or self.directory).absolute() / f"{name}.log"
        self.stack_id = stack_id or str(self.directory)
        self._process: subprocess.Popen[bytes] | None = None

    # --- what a subclass says ------------------------------------------------------------------------------

    def command(self) -> Sequence[str]:
        """What to run."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Variables on top of this process's own."""
        return {}

    def prepare(self) -> None:
        """Write configuration; called before every start."""

    def health(self) -> str:
        """Ask a real request; a few words on the answer.

        Raises:
            UnhealthyError: it was not answered as it should be.
        """
        if not self.running:
            raise UnhealthyError(f"{self.name} is not running")
        return "running"

    # --- life -----------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """Of the running child."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def running(self) -> bool:
        """Whether the child lives (healthy or not)."""
        return self.pid is not None

    @property
    def returncode(self) -> int | None:
        """How the last child ended; negative: by that signal."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start the child; returns before it is healthy. Leftovers of an earlier life go first."""
        if self.running:
            return
        self.reap()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._rotate_log()
        self.prepare()
        environment = {**os.environ, **self.environment(), STACK_ID: self.stack_id, SERVICE: self.name}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                list(self.command()),
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _rotate_log(self) -> None:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))

    def wait_healthy(self, timeout_s: float | None = None) -> str:
        """Wait until :meth:`health` is content; its words.

        Raises:
            StartError: the child ended, or the time was up.
        """
        deadline = time.monotonic() + (timeout_s or self.start_timeout_s)
        while True:
            try:
                return self.health()
            except UnhealthyError as error:
                reason = str(error)
            if not self.running:
                raise StartError(f"{self.name} ended with {self.returncode}; its last words:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise StartError(f"{self.name} is not healthy: {reason}; see {self.log_path}")
            time.sleep(POLL_S)

    def stop(self, timeout_s: float | None = None) -> None:
        """SIGTERM, then SIGKILL to whoever is left, children of the child included."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGCONT)  # a stopped process would not hear the next one
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout_s or self.stop_timeout_s)
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        self.reap()

    def kill9(self) -> None:
        """SIGKILL to the child alone, as a fault would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def reap(self) -> None:
        """End every leftover of this service: children after a kill -9, or itself from an earlier life."""
        own = self.pid
        end_all([p for p in leftovers(self.stack_id, self.name) if p.pid != own], KILL_GRACE_S)

    def tail(self, lines: int = 15) -> str:
        """The end of the log."""
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"


def leftovers(stack_id: str, service: str | None = None) -> list[psutil.Process]:
    """Every living process that was started under ``stack_id``, except this one and its parents."""
    ancestors = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in ancestors:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            environment = process.environ()
            if environment.get(STACK_ID) != stack_id or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if service is None or environment.get(SERVICE) == service:
                found.append(process)
    return found


def end_all(processes: Sequence[psutil.Process], grace_s: float) -> None:
    """SIGTERM to all, and after ``grace_s`` seconds SIGKILL to whoever is left."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=grace_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=grace_s)
