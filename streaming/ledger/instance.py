"""One instance, one state directory: held under ``flock`` for as long as the process lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from streaming.exceptions import ConfigurationError
from streaming.ledger.exceptions import InstanceRunningError


class StateDirectory:
    """``<home>/state/<role>-<instance>/``.

    Raises:
        InstanceRunningError: another process holds it.
        ConfigurationError: it cannot be made.
    """

    def __init__(self, home: Path, name: str) -> None:
        self.path = home.absolute() / "state" / name
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(f"the state directory {self.path} cannot be made: {error}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise InstanceRunningError(
                f"{self.path} is held by a running process; give this one another --instance"
            ) from None

    def release(self) -> None:
        """Let the directory go."""
        os.close(self._lock)
