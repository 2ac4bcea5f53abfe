"""What all encoders share: items read once, run in batches of about one length, each error its own."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from handlers.bucketing import cheapest_batches
from handlers.engines import Engine, candidates, choose_engine, load_probe
from handlers.engines.parity import PROBE_FILE

TOKENS_A_BATCH = 1024
"""Padded tokens of one forward pass: more stops fitting the caches of a core and gets slower."""
MAX_BATCH = 64
BATCH_COST = 10
"""Tokens that one forward pass costs before its first: 2.3 ms against 0.26 ms a token (MiniLM, one core)."""

MESSAGE = 300
"""Characters of an engine's own words that are passed on."""

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Encoded:
    """What became of a request's items: ``errors[i]`` says why ``vectors[i]`` (float32 [dim]) is zero."""

    vectors: Float32
    errors: list[str | None]
    timings_ms: dict[str, float]


class Read(Protocol):
    """Items as the model takes them."""

    errors: list[str | None]
    """Why an item cannot be run."""

    def lengths(self) -> list[int]:
        """Tokens of each item."""
        ...

    def rows(self, chosen: Sequence[int]) -> dict[str, npt.NDArray[Any]]:
        """Inputs of the items ``chosen``, by the names of the graph."""
        ...


I = TypeVar("I", bound=msgspec.Struct)  # noqa: E741


class Encoder(ABC, Generic[I]):
    """A loaded package: ``item`` is the type of what it takes, ``noun`` what messages call one."""

    item: ClassVar[type[msgspec.Struct]]
    noun: ClassVar[str]

    def __init__(self, package: str, dim: int, engine: Engine) -> None:
        self.package, self.dim, self.engine = package, dim, engine
        self._well: Mapping[str, npt.NDArray[Any]] | None = None
        """Inputs of one item that the engine has run."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, threads: int = 1) -> Encoder[I]:
        """The package whose files lie in ``folder``, on the first engine that proves itself.

        Raises:
            PackageFileError: if a file is missing or torn.
            HandlerError: if no engine can run it.
        """

    @property
    def reads_posters(self) -> bool:
        """Whether anything of a poster comes into a vector; else one beside a text is passed over."""
        return False

    @abstractmethod
    def problem(self, item: I) -> str | None:
        """Why ``item`` cannot be encoded, as far as that is seen before it is read."""

    @abstractmethod
    def read(self, items: Sequence[I]) -> Read:
        """Tokenises and decodes, all at once."""

    def finish(self, items: Sequence[I], content: Float32) -> Float32:
        """The answers, float32 [n, dim], of what the engine gave."""
        return content

    def encode(self, items: Sequence[I]) -> Encoded:
        """A vector or a reason for each item; never raises for what an item contains."""
        errors = [self.problem(item) for item in items]
        vectors = np.zeros((len(items), self.dim), dtype=np.float32)
        good = [i for i, error in enumerate(errors) if error is None]
        started = time.perf_counter()
        read = self.read([items[i] for i in good])
        for i, error in zip(good, read.errors, strict=True):
            errors[i] = error
        tokenised = time.perf_counter()
        content = np.zeros((len(good), self.dim), dtype=np.float32)
        lengths = read.lengths()
        whole = [i for i, error in enumerate(read.errors) if error is None]
        # items of all requests together, so that films of different lengths are not padded to the longest
        for batch in cheapest_batches([lengths[i] for i in whole], BATCH_COST, TOKENS_A_BATCH, MAX_BATCH):
            chosen = [whole[i] for i in batch]
            for i, failure in self._run(read, chosen, content).items():
                errors[good[i]] = failure
        ran = time.perf_counter()
        vectors[good] = self.finish([items[i] for i in good], content)
        for i in (i for i in good if errors[i] is None):
            if not np.isfinite(vectors[i]).all():
                errors[i] = "the model gave no finite vector"
        vectors[[i for i in good if errors[i] is not None]] = 0.0
        timings = {
            "tokenise": (tokenised - started) * 1e3,
            "engine": (ran - tokenised) * 1e3,
            "total": (time.perf_counter() - started) * 1e3,
        }
        return Encoded(vectors, errors, timings)

    def _run(self, read: Read, chosen: Sequence[int], content: Float32) -> dict[int, str]:
        """Rows ``chosen`` of ``content`` filled; why the model failed on those it failed on.

        A batch that fails is run item by item: one item costs no other its vector. Where the engine fails on
        what it has run before too, no item is to blame, and the error is the engine's own.
        """
        rows = read.rows(chosen)
        try:
            vectors = self.engine.run(rows)["vector"]
            if vectors.shape != (len(chosen), self.dim):
                # numpy would spread a row that is too short over the others
                raise ValueError(f"vectors of shape {vectors.shape}, not {(len(chosen), self.dim)}")
            content[chosen] = vectors
        except MemoryError:
            raise
        except Exception as error:  # every engine has errors of its own
            if len(chosen) > 1:
                found = [self._run(read, [one], content) for one in chosen]
                return {i: failure for failures in found for i, failure in failures.items()}
            if self._well is not None:
                self.engine.run(self._well)
            content[chosen] = 0.0
            return {chosen[0]: f"the model failed on it: {str(error)[:MESSAGE]}"}
        if self._well is None:
            self._well = {name: values[:1].copy() for name, values in rows.items()}
        return {}


def proven_engine(folder: Path, threads: int) -> Engine:
    """The first engine that reproduces the recorded outputs of the package in ``folder``.

    Raises:
        HandlerError: if none does.
    """
    return choose_engine(candidates(folder, threads), load_probe(folder / PROBE_FILE))
