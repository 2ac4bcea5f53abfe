"""``deploy/gates.toml``: the limits, versioned; an own file may be given."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from streaming.exceptions import ConfigurationError

FILE = Path(__file__).parents[2] / "gates.toml"


class ReadyLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the file itself for what each number means."""

    refused: float


class VerifyLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the file itself for what each number means."""

    alpha: float
    cosine: float
    length_error: float
    reduced_cosine: float
    reduced_length_error: float
    latency_ratio: float
    runs: int


class EvaluateLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the file itself for what each number means."""

    alpha: float
    fewest_users: int
    fewest_cold: int
    cold_user_likes: int
    ndcg_less: float
    recall_less: float
    cold_items_less: float
    cold_users_less: float
    overlap: float
    coverage_ratio: float
    diversity_less: float


class ShadowLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the file itself for what each number means."""

    alpha: float
    errors: float
    empty: float
    unprofiled: float
    latency_ratio: float
    overlap: float


class CanaryLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the file itself for what each number means."""

    alpha: float
    errors_more: float
    empty_more: float
    popular_more: float
    likes_fewer: float
    late_more: float
    late_ms: float
    latency_ratio: float


GateName = Literal["verify", "evaluate", "shadow", "canary"]


class PromoteLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the file itself for what each means."""

    gates: tuple[GateName, ...]
    may_be_open: tuple[GateName, ...] = ()


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of every gate."""

    version: int
    ready: ReadyLimits
    verify: VerifyLimits
    evaluate: EvaluateLimits
    shadow: ShadowLimits
    canary: CanaryLimits
    promote: PromoteLimits


def load_limits(path: Path = FILE) -> Limits:
    """The limits of a file.

    Raises:
        ConfigurationError: it cannot be read, a limit is missing, or one is not known.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Limits)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} holds no limits of gates: {error}") from None
