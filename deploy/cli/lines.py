"""Progress where there is no terminal: a line now and then of what is done, of how much, how long yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

EVERY_S = 15.0
"""Longest silence."""


@dataclass
class _Task:
    began_s: float
    from_: int
    done: int
    total: int
    ended_s: float | None = None
    """When all of it was done: what takes its time from then on is something else."""


class Lines:
    """Says every :data:`EVERY_S` how far what was last heard of is; a thread does, so that nothing is silent.

    Args:
        say: takes a line.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._every_s, self._clock = say, every_s, clock
        self._tasks: dict[str, _Task] = {}
        self._now: str = ""
        self._step, self._step_s = "", clock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def update(self, name: str, done: int, total: int) -> None:
        """Take down how far ``name`` is; a total of 0 is not known."""
        task = self._tasks.get(name)
        if task is None or done < task.done:
            task = self._tasks[name] = _Task(self._clock(), done, done, total)
        else:
            task.done, task.total = done, total
        if not 0 < total <= done:
            task.ended_s = None
        elif task.ended_s is None:
            task.ended_s = self._clock()
        self._now = name

    def step(self, text: str) -> None:
        """Take down what is done now, of which nobody counts the parts."""
        self._step, self._step_s, self._now = text, self._clock(), ""

    def line(self) -> str:
        """How far it is, in words; empty before anything was heard."""
        task = self._tasks.get(self._now)
        if task is None:
            return f"{self._step}, for {duration(self._clock() - self._step_s)}" if self._step else ""
        if task.ended_s is not None:
            counted = f" ({task.total:,})" if task.total > 1 else ""
            since = duration(self._clock() - task.ended_s)
            return f"{self._now}{counted}: done; at work on what follows for {since}"
        return f"{self._now}: {how_far(task.from_, task.done, task.total, self._clock() - task.began_s)}"

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            if line := self.line():
                self._say(line)


def how_far(begun_at: int, done: int, total: int, seconds: float) -> str:
    """``done`` of ``total`` in words, with the rate since ``begun_at``, ``seconds`` ago, and what is left."""
    said = f"{done:,} of {total:,} ({100 * done / total:.0f}%)" if total else f"{done:,}"
    rate = (done - begun_at) / seconds if seconds > 0 else 0.0
    if rate <= 0:
        return f"{said}, for {duration(seconds)}"
    said += f", {rate:,.0f}/s" if rate >= 1 else f", {60 * rate:,.1f} a minute"
    return said + (f", {duration((total - done) / rate)} left" if total > done else "")


def duration(seconds: float) -> str:
    """Rounded as people say it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
