"""What may be chosen when the fusion encoder is trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from handlers.config import KernelConfig

ALL, NO_TEXT, NO_POSTER, NO_META = "all", "no text", "no poster", "no metadata"
VARIANTS = (ALL, NO_TEXT, NO_POSTER, NO_META)
"""What training may leave out of a film."""
SHARES = {ALL: 0.7, NO_TEXT: 0.1, NO_POSTER: 0.1, NO_META: 0.1}
"""How much a film's ranking counts where the gain is chosen, as it is and with something missing."""

GAINS = (0.0, 0.25, 0.5, 0.75, 1.0)
SCALES = (0.4, 0.6, 1.0)
"""Not less: films that nobody rated are no hits in any list of validation, which so would have them shorter
still; but whoever is nowhere among the first hundreds is never rated either."""


@dataclass(frozen=True)
class FusionOptions:
    """Sizes, and how the correction is trained."""

    width: int = 64
    depth: int = 1
    heads: int = 4
    mlp_ratio: int = 2
    anchors: int = 2048
    """At most; the films with most ratings."""
    kernel: KernelConfig = field(default_factory=lambda: KernelConfig(names=0.15, poster=0.05))
    """Where the search for the base's begins. Names: as they rank cold films of ML-1M best; posters: and
    those of ml-latest-small."""
    penalty: float = 0.3
    """Of the base, where the search begins."""
    rating_power: float = 0.0
    """Films weigh by this power of their number of ratings in the base."""
    length_power: float = 0.25
    """Of the base, see :class:`trainer.fusion.search.Shape`; where the search begins."""
    rank_power: float = 0.0
    """As ``length_power``; ML-1M would have less, ml-latest-small more."""
    folds: int = 5
    """Of films, for a base that has not seen what the correction learns from."""
    epochs: int = 24
    patience: int = 4
    films_an_epoch: int = 2000
    """Drawn by the square root of their ratings."""
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    dropout: float = 0.3
    ranking: float = 0.05
    """Weight of the ranking loss beside the squared error."""
    leave_out: tuple[float, float, float] = (0.15, 0.5, 0.15)
    """Shares of films that are trained without text, without poster, without metadata. Posters are learnt by
    heart before anything else."""
    seed: int = 0
    threads: int = 1
    """Fixed, for another number sums in another order."""
