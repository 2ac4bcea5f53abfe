"""Reads the weights of a TFLite file: just enough of its FlatBuffers layout, no interpreter.

Sources: the FlatBuffers binary format (flatbuffers.dev, "Internals"); TensorFlow Lite's ``schema.fbs``
version 3, whose field numbers stand below.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.exceptions import DataError

_DTYPES: dict[int, type[np.generic]] = {0: np.float32, 2: np.int32, 3: np.uint8, 9: np.int8}
"""TensorType of the schema; others do not occur in what we read."""


@dataclass(frozen=True)
class Table:
    """One FlatBuffers table: where it lies in the file."""

    data: bytes
    at: int

    def _field(self, number: int) -> int:
        """Where field ``number`` lies, or 0 if it has its default."""
        vtable = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        slot = 4 + 2 * number
        if slot >= struct.unpack_from("<H", self.data, vtable)[0]:
            return 0
        offset: int = struct.unpack_from("<H", self.data, vtable + slot)[0]
        return self.at + offset if offset else 0

    def _target(self, number: int) -> int:
        at = self._field(number)
        return at + struct.unpack_from("<I", self.data, at)[0] if at else 0

    def scalar(self, number: int, form: str, default: int = 0) -> int:
        """A number of ``struct`` form ``form``."""
        at = self._field(number)
        return int(struct.unpack_from(f"<{form}", self.data, at)[0]) if at else default

    def array(self, number: int, dtype: type[np.generic]) -> npt.NDArray[np.generic]:
        """A vector of numbers; empty if it is not there."""
        at = self._target(number)
        if not at:
            return np.empty(0, dtype)
        count = struct.unpack_from("<I", self.data, at)[0]
        return np.frombuffer(self.data, dtype, count, at + 4)

    def table(self, number: int) -> Table | None:
        """A table, or ``None`` if it is not there."""
        at = self._target(number)
        return Table(self.data, at) if at else None

    def tables(self, number: int) -> list[Table]:
        """A vector of tables."""
        at = self._target(number)
        count = struct.unpack_from("<I", self.data, at)[0] if at else 0
        places = [at + 4 + 4 * i for i in range(count)]
        return [Table(self.data, p + struct.unpack_from("<I", self.data, p)[0]) for p in places]


@dataclass(frozen=True)
class Operator:
    """One step of the graph; tensors by their numbers, -1 for one that is left out."""

    code: int
    """BuiltinOperator of the schema."""
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph; ``values`` are dequantised constants, ``None`` for what is computed."""

    shape: tuple[int, ...]
    values: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Graph:
    """The first (and only) subgraph of a model."""

    tensors: list[Tensor]
    operators: list[Operator]


def _constant(table: Table, buffers: list[Table]) -> Tensor:
    shape = tuple(int(n) for n in table.array(0, np.int32))
    raw = buffers[table.scalar(2, "I")].array(0, np.uint8).tobytes()
    if not raw:
        return Tensor(shape, None)
    values = np.frombuffer(raw, _DTYPES[table.scalar(1, "b")]).reshape(shape).astype(np.float64)
    quantisation = table.table(4)
    if quantisation is not None:
        scale = quantisation.array(2, np.float32).astype(np.float64)
        zero = quantisation.array(3, np.int64).astype(np.float64)
        if len(scale):
            # one scale for all, or one for each slice along an axis
            along = [1] * len(shape)
            if len(scale) > 1:
                along[quantisation.scalar(6, "i")] = len(scale)
            values = (values - zero.reshape(-1)[: len(scale)].reshape(along)) * scale.reshape(along)
    return Tensor(shape, values.astype(np.float32))


def read_graph(path: Path) -> Graph:
    """The graph of the model in ``path``.

    Raises:
        DataError: if it is missing or no TFLite file of schema 3.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from None
    if data[4:8] != b"TFL3":
        raise DataError(path, "is no TFLite file of schema 3")
    try:
        model = Table(data, struct.unpack_from("<I", data)[0])
        # an old file has its code in field 0, of one byte; a new one in field 3
        codes = [max(one.scalar(0, "b"), one.scalar(3, "i")) for one in model.tables(1)]
        subgraph, buffers = model.tables(2)[0], model.tables(4)
        operators = [
            Operator(
                codes[one.scalar(0, "I")],
                tuple(int(i) for i in one.array(1, np.int32)),
                tuple(int(i) for i in one.array(2, np.int32)),
                one.table(4),
            )
            for one in subgraph.tables(3)
        ]
        return Graph([_constant(one, buffers) for one in subgraph.tables(0)], operators)
    except (struct.error, IndexError, KeyError, ValueError) as error:
        raise DataError(path, f"is torn or of another kind: {error}") from None
