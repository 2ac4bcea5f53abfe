"""Which control state lookups go by, and which ones lookups under way still hold (rule 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from streaming.control.state import ControlState


class Adoption:
    """One immutable snapshot of control for each answer; threads share it.

    A change is adopted once the films of every space it routes to have been read: until then those who
    are answered now go on to be answered as before. Where that is no longer possible, or nothing was
    routed before, it is adopted at once.

    Args:
        newest: the control state as it stands.
        loaded: whether all films of a space have been read.
    """

    def __init__(self, newest: Callable[[], ControlState], loaded: Callable[[str], bool]) -> None:
        self._newest, self._loaded = newest, loaded
        self._lock = Lock()
        self._adopted = ControlState()
        self._used: dict[int, tuple[ControlState, int]] = {}

    def current(self) -> ControlState:
        """The snapshot for what begins now."""
        with self._lock:
            return self._current()

    def _current(self) -> ControlState:
        newest, current = self._newest(), self._adopted
        if newest is not current:
            possible = current.routed and all(space in newest.live for space in current.routed)
            if not possible or all(self._loaded(space) for space in newest.routed):
                self._adopted = current = newest
        return current

    @contextmanager
    def using(self) -> Iterator[ControlState]:
        """The snapshot for one answer, held until the answer is made."""
        with self._lock:
            state = self._current()
            held = self._used.get(state.revision, (state, 0))[1]
            self._used[state.revision] = (state, held + 1)
        try:
            yield state
        finally:
            with self._lock:
                state, held = self._used[state.revision]
                if held == 1:
                    del self._used[state.revision]
                else:
                    self._used[state.revision] = (state, held - 1)

    @property
    def oldest(self) -> int:
        """Revision of the oldest snapshot that is held, or is for what begins now.

        Nothing that this process does from here on goes by an older one: who waits for it (before a
        space is dropped) needs no allowance for the longest request.
        """
        with self._lock:
            return min([self._current().revision, *self._used])

    def needed(self) -> set[str]:
        """Spaces that an answer under way, or the next one, may come from."""
        with self._lock:
            states = [self._current(), *(state for state, _ in self._used.values())]
            return {space for state in states for space in state.routed}
