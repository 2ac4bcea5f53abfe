"""What the poster model is trained by. Pure."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SUBSAMPLED = 0.05


def towards(got: Tensor, want: Tensor) -> Tensor:
    """Mean of 1 - cosine over all but the last axis: 0 where directions agree, 2 where they are opposite."""
    return 1 - functional.cosine_similarity(got.float(), want.float(), dim=-1).mean()


def asymmetric(logits: Tensor, labels: Tensor, focus: float = 2.0, clip: float = SUBSAMPLED) -> Tensor:
    """Binary cross-entropy in which easy negatives count little; float32 [n, genres] both, mean over all.

    Source: Ridnik et al., Asymmetric Loss For Multi-Label Classification (2021), equations 4 to 7, with
    gamma+ 0 and gamma- ``focus``: a poster has 2 genres and lacks 17.
    """
    probability = torch.sigmoid(logits.float())
    shifted = (probability - clip).clamp(min=0)
    positive = labels * functional.logsigmoid(logits.float())
    negative = (1 - labels) * shifted**focus * torch.log((1 - shifted).clamp(min=1e-8))
    return -(positive + negative).mean()


def contrast(images: Tensor, texts: Tensor, log_scale: Tensor) -> Tensor:
    """Each poster is to find its film's text among the batch's and the other way round; [n, d] both.

    Source: Radford et al., Learning Transferable Visual Models From Natural Language Supervision (2021),
    figure 3.
    """
    a, b = functional.normalize(images.float(), dim=-1), functional.normalize(texts.float(), dim=-1)
    logits = a @ b.T * log_scale.float().clamp(max=4.6).exp()
    own = torch.arange(len(a), device=a.device)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
