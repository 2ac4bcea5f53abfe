"""Crops, mirrors and colours: within bounds, told, and drawn from the generator alone."""

from __future__ import annotations

import torch

from trainer.vision.augment import augment


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_nothing_is_changed_but_the_mirror_when_nothing_may_vary() -> None:
    images = torch.randint(0, 256, (16, 3, 24, 16), dtype=torch.uint8)
    pixels, mirrored = augment(images, 24, 16, 1.0, 0.0, drawn(0))
    want = images.float() / 127.5 - 1
    assert 0 < int(mirrored.sum()) < 16
    want[mirrored] = want[mirrored].flip(-1)
    torch.testing.assert_close(pixels, want, rtol=0, atol=1e-4)


def test_the_same_generator_gives_the_same_and_another_does_not() -> None:
    images = torch.randint(0, 256, (4, 3, 30, 20), dtype=torch.uint8)
    one, again, other = (augment(images, 24, 16, 0.7, 0.3, drawn(s))[0] for s in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_crops_stay_inside_and_colours_in_range() -> None:
    images = torch.full((64, 3, 30, 20), 200, dtype=torch.uint8)
    pixels, _ = augment(images, 24, 16, 0.5, 0.0, drawn(3))
    torch.testing.assert_close(pixels, torch.full_like(pixels, 200 / 127.5 - 1), rtol=0, atol=1e-4)
    images = torch.randint(0, 256, (64, 3, 30, 20), dtype=torch.uint8)
    varied, _ = augment(images, 24, 16, 0.5, 0.9, drawn(4))
    assert varied.min() >= -1
    assert varied.max() <= 1


def test_crops_differ_in_place_and_size() -> None:
    ramp = torch.arange(100, dtype=torch.uint8).repeat(64, 3, 100, 1)
    pixels, mirrored = augment(ramp, 10, 10, 0.5, 0.0, drawn(5))
    row = (pixels[:, 0, 5] + 1) * 127.5
    spread = (row[:, -1] - row[:, 0]).abs()
    assert torch.equal(row[:, -1] < row[:, 0], mirrored)
    assert spread.min() < 60 < 75 < spread.max()
    assert spread.min() >= 100 * 0.5 * 0.9 - 3
