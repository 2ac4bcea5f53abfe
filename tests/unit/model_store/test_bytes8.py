"""Maps in 8 bits: closer than plain rounding, whatever outliers do, and real films to judge them by."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from model_store.bytes8 import ByteLinear
from model_store.films import some_films
from model_store.probe_items import PROBE_ITEMS
from model_store.rounding import round_to_steps

WIDTH, OUT = 96, 40


@pytest.fixture
def seen() -> Tensor:
    """Rows that hang together, two channels a hundred times as large as the others."""
    draw = torch.Generator().manual_seed(0)
    made = torch.randn(512, 24, generator=draw) @ torch.randn(24, WIDTH, generator=draw)
    made[:, 5] *= 100
    made[:, 77] += 300
    return made


@pytest.fixture
def linear() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(WIDTH, OUT)


def _off(got: Tensor, want: Tensor) -> float:
    return float((got - want).norm() / want.norm())


def test_rounding_by_what_was_seen_changes_products_less(seen: Tensor, linear: nn.Linear) -> None:
    weight = linear.weight.detach()
    steps = weight.abs().amax(1) / 7  # few, so that rounding counts
    whole = round_to_steps(weight, steps, seen[:256])
    assert torch.equal(whole, whole.round())
    assert whole.abs().max() <= 127
    want = seen[256:] @ weight.T
    plain = (weight / steps[:, None]).round() * steps[:, None]
    assert _off(seen[256:] @ (whole * steps[:, None]).T, want) < 0.75 * _off(seen[256:] @ plain.T, want)


def test_a_map_in_bytes_is_close_where_plain_rounding_is_not(seen: Tensor, linear: nn.Linear) -> None:
    with torch.no_grad():
        made = ByteLinear(linear, seen=seen[:256])
        want, got = linear(seen[256:]), made(seen[256:])
        step = seen[256:].abs().amax(1, keepdim=True) / 127
        plain = linear((seen[256:] / step).round() * step)
    assert made.weight.dtype == torch.int8
    assert got.dtype == torch.float32
    assert _off(got, want) < 0.01
    assert _off(got, want) < 0.5 * _off(plain, want)


def test_maps_of_one_input_are_one(seen: Tensor, linear: nn.Linear) -> None:
    other = nn.Linear(WIDTH, 8)
    with torch.no_grad():
        got = ByteLinear(linear, other, seen=seen)(seen.reshape(4, 128, WIDTH))
        want = torch.cat([linear(seen), other(seen)], dim=1).reshape(4, 128, OUT + 8)
    assert got.shape == want.shape
    assert _off(got, want) < 0.02


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_a_row_of_one_value_is_no_division_by_zero(linear: nn.Linear, value: float, seen: Tensor) -> None:
    with torch.no_grad():
        made = ByteLinear(linear, seen=seen)
        # one value once outliers are divided out
        rows = (value / made.smooth).expand(2, WIDTH)
        got, want = made(rows), linear(rows)
    assert torch.isfinite(got).all()
    assert _off(got, want) < 0.05


def test_films_to_judge_by_are_real_and_none_of_the_probe() -> None:
    films = some_films(24)
    assert len({(film.title, film.year) for film in films}) == 24
    assert all(film.text and film.genres and film.year for film in films)
    assert not {film.title for film in films} & {item.title for item in PROBE_ITEMS}
