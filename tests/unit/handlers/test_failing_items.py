"""A film that the model fails on costs no other its vector; an engine that fails altogether says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from handlers.encoder import Encoder
from handlers.engines import Inputs, Outputs

Make = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


class Thing(msgspec.Struct):
    number: int


class Numbers:
    def __init__(self, things: Sequence[Thing]) -> None:
        self._numbers = np.array([thing.number for thing in things], dtype=np.float32)
        self.errors: list[str | None] = [None] * len(things)

    def lengths(self) -> list[int]:
        return [3] * len(self._numbers)

    def rows(self, chosen: Sequence[int]) -> dict[str, npt.NDArray[Any]]:
        return {"x": self._numbers[list(chosen), None]}


class Fails:
    """Fails on each of ``bad``, and on everything once it is ``broken``."""

    name, reduced_precision = "fails", False

    def __init__(self, bad: Sequence[int]) -> None:
        self.bad, self.broken = bad, False

    def run(self, inputs: Inputs) -> Outputs:
        numbers = np.asarray(inputs["x"])[:, 0]
        if self.broken or np.isin(numbers, self.bad).any():
            raise RuntimeError("index out of bounds")
        return {"vector": np.stack([numbers, numbers], axis=1)}


class Answers:
    """Gives what ``make`` makes of the numbers that it is asked for."""

    name, reduced_precision = "answers", False

    def __init__(self, make: Make) -> None:
        self._make = make

    def run(self, inputs: Inputs) -> Outputs:
        return {"vector": self._make(np.asarray(inputs["x"], dtype=np.float32))}


class Things(Encoder[Thing]):
    item, noun = Thing, "thing"

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> Things:
        raise NotImplementedError

    def problem(self, item: Thing) -> str | None:
        return "negative" if item.number < 0 else None

    def read(self, items: Sequence[Thing]) -> Numbers:
        return Numbers(items)


def things(*numbers: int) -> list[Thing]:
    return [Thing(number) for number in numbers]


def test_only_the_film_that_fails_has_no_vector() -> None:
    encoded = Things("p@1", 2, Fails([4])).encode(things(1, -2, 4, 3))
    assert encoded.errors == [None, "negative", "the model failed on it: index out of bounds", None]
    assert encoded.vectors[:, 0].tolist() == [1.0, 0.0, 0.0, 3.0]


def test_an_engine_that_fails_on_what_it_knew_blames_no_film() -> None:
    engine = Fails([])
    encoder = Things("p@1", 2, engine)
    assert encoder.encode(things(1, 2)).errors == [None, None]
    engine.broken = True
    with pytest.raises(RuntimeError, match="out of bounds"):
        encoder.encode(things(5))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_that_films_error(bad: float) -> None:
    engine = Answers(lambda x: np.hstack([x, np.where(x == 4, np.float32(bad), x)]))
    encoded = Things("p@1", 2, engine).encode(things(1, 4, 3))
    assert encoded.errors == [None, "the model gave no finite vector", None]
    assert encoded.vectors.tolist() == [[1, 1], [0, 0], [3, 3]]


@pytest.mark.parametrize(
    "make",
    [lambda x: x, lambda x: np.hstack([x, x, x]), lambda x: np.hstack([x, x])[0]],
    ids=["too short", "too long", "one for all"],
)
def test_a_vector_of_the_wrong_length_is_an_error_and_never_spread_over_others(make: Make) -> None:
    encoded = Things("p@1", 2, Answers(make)).encode(things(1, 2))
    assert all("shape" in (error or "") for error in encoded.errors), encoded.errors
    assert not encoded.vectors.any()
