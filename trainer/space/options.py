"""What may be chosen when a space is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainer.reranker.few import FEW
from trainer.space.choice import RELEVANT
from trainer.space.embed import MAX_TOKENS

AUTO = -1
"""Says: choose it on a validation part of the training data."""

DIMS = (128, 256, 512)
REGULARISATIONS = tuple(map(float, (15, 50, 100, 200, 300, 450, 600, 800, 1100, 1500, 2100, 3000, 4000)))
SIDE_WEIGHTS = (4.0, 0.0, 2.0, 8.0)
ACTIVITY_POWERS = (0.4, 0.0)
TOP_WEIGHTS = (1.25, 1.0, 1.5)
NEUTRAL_WEIGHTS = (0.5, 0.0, 0.25, 0.75)
LIKE_THRESHOLDS = (4.0, 3.0)
"""The search begins with the first number of each of these five grids."""
PENALTIES = (10.0, 1.0, 3.0, 30.0, 100.0)
HALF_COUNTS = (0.0, 5.0, 10.0, 20.0, 40.0, 80.0)
SCALES = (1.0, 0.5, 0.25)


@dataclass(frozen=True)
class SpaceOptions:
    """Options of one training; numbers of :data:`AUTO` are chosen on validation."""

    dim: int = AUTO
    regularisation: float = AUTO
    """lambda of DESIGN 10.6, >= 0."""
    neutral_weight: float = AUTO
    """What a rated but not liked item counts in Y, 0 to 1."""
    like_threshold: float = 4.0
    """What a like is; a space's policy must say the same."""
    top_weight: float = AUTO
    """What the highest rating counts in Y, where other likes count 1; > 0."""
    activity_power: float = AUTO
    """How far busy users' rows are shortened, 0 to 1 (:mod:`trainer.space.targets`)."""
    side_weight: float = AUTO
    """What genres, year and people count beside ratings, where a like counts 1; >= 0."""
    half_count: float = AUTO
    """Number of ratings at which ratings and content weigh the same in an item's vector, >= 0."""
    penalty: float = AUTO
    """Of the ridge regression from content, > 0."""
    max_tokens: int = MAX_TOKENS
    validation_share: float = 0.1
    seed: int = 0
    rerank: bool = True
    """Whether a re-ranker is trained for the package too; it gets one only where its gate lets it through."""
    few_ratings: int = FEW
    """Up to how many ratings users are ordered by networks that learnt from what beginners rate next."""
    architecture: Literal["linear", "fusion"] = "linear"
    texts: str = ""
    """A folder with ``plots/`` (and ``poster_map.csv``) for MovieLens films that lack text or people."""
    text_model: str = ""
    """A BERT from elsewhere: Hugging Face id or folder; empty is the one that comes with Marquee."""
    poster_model: str = ""
    """Of ``fusion``: a poster-encoder package, ``name@version`` or its folder."""
    image_model: str = ""
    """Of ``fusion``, instead of ``poster_model``: a ViT from elsewhere, Hugging Face id or folder."""
    posters: str = ""
    """Of ``fusion``: a folder with ``poster_map.csv`` and ``posters/``; for data that are not MovieLens one
    of images named by id. Without it films have none."""
    work: str = ""
    """Of ``fusion``: folder of its checkpoints and logs, gone on with if it is there; empty is a new one."""
    threads: int = 0
    """Of the text model; 0 is one for each core."""

    @property
    def relevant(self) -> float:
        """What a hit is on validation: where the threshold of likes is searched, that of all rows."""
        return RELEVANT if self.like_threshold == AUTO else self.like_threshold
