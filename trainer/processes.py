"""Which of how many processes of a training this is: what ``torchrun`` says in the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Processes:
    """``rank`` of ``count`` processes, ``here`` of them on this machine; one alone without torchrun."""

    rank: int = 0
    count: int = 1
    here: int = 1

    @classmethod
    def of_environment(cls) -> Processes:
        """As torchrun started this process."""
        rank, count, here = (os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"))
        if rank is None or count is None or here is None:
            return cls()
        return cls(int(rank), int(count), int(here))

    @property
    def first(self) -> bool:
        """Whether this is the one that writes what all made together."""
        return self.rank == 0
