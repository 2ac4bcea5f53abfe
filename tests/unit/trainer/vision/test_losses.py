"""Losses of the poster model against what their sources say."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from trainer.vision.losses import asymmetric, contrast, towards


def test_directions_count_and_lengths_do_not() -> None:
    a = torch.randn(5, 7, 8)
    assert abs(towards(3 * a, a).item()) < 1e-6
    assert abs(towards(-a, a).item() - 2) < 1e-6


def test_without_focus_and_clip_it_is_cross_entropy() -> None:
    logits, labels = torch.randn(6, 4), (torch.rand(6, 4) < 0.4).float()
    want = functional.binary_cross_entropy_with_logits(logits, labels)
    torch.testing.assert_close(asymmetric(logits, labels, focus=0.0, clip=0.0), want)


def test_easy_negatives_count_nothing_and_positives_fully() -> None:
    easy = torch.tensor([[math.log(0.04 / 0.96)]])
    assert asymmetric(easy, torch.zeros(1, 1)).item() == 0
    torch.testing.assert_close(asymmetric(easy, torch.ones(1, 1)).item(), -math.log(0.04))
    hard = torch.zeros(1, 1)
    want = -(0.45**2) * math.log(0.55)
    assert abs(asymmetric(hard, torch.zeros(1, 1)).item() - want) < 1e-6


def test_own_texts_are_told_from_others() -> None:
    images = torch.eye(8)
    scale = torch.tensor(math.log(10.0))
    right, wrong = contrast(images, images, scale), contrast(images, images.roll(1, 0), scale)
    torch.testing.assert_close(right.item(), math.log(1 + 7 * math.exp(-10)), rtol=1e-4, atol=1e-6)
    assert wrong > right + 5
    assert contrast(images, images, torch.tensor(50.0)).isfinite(), "the scale is bounded"
