"""The re-ranker as a package carries it: ``reranker.onnx`` if it proved better, else the reason why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model_store.build import RERANKER_FILE
from streaming.events import Item
from trainer.reranker.export import trained_to_onnx
from trainer.reranker.few import FEW
from trainer.reranker.from_ratings import train_from_ratings
from trainer.reranker.space import films_of
from trainer.reranker.train import LEAST_LISTS, Trained
from trainer.space.choice import Choice
from trainer.space.content import FilmFeatures
from trainer.space.matrix import Interactions


@dataclass(frozen=True)
class PackagedReranker:
    """What a package says of its re-ranker, and the file itself where its gate let it through."""

    says: str
    """``passed: ...`` or ``none: ...``, for the manifest's parameters and the model card."""
    model: bytes | None = None
    metrics: dict[str, float] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Puts ``reranker.onnx`` into ``folder``, if there is one."""
        if self.model is not None:
            (folder / RERANKER_FILE).write_bytes(self.model)


def make_reranker(
    ratings: Interactions,
    items: Sequence[Item],
    features: FilmFeatures | None,
    choice: Choice,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
    few: int = FEW,
) -> PackagedReranker:
    """Trains a re-ranker for the space of ``choice`` and takes it only if it passes its gate.

    Each list that it learns from comes from a space trained without the ratings that say what in the list
    is liked; the gate compares, user by user, what networks make of users they never saw
    (:mod:`trainer.reranker.train`).

    Args:
        items: the catalogue, in the order of ``ratings.item_ids``.
        features: a ridge maps them into each list's space.
        few: up to how many ratings users get networks of their own.
    """
    trained = train_from_ratings(ratings, features, films_of(items), choice, seed, say, few)
    if trained is None:
        return PackagedReranker(f"none: fewer than {LEAST_LISTS} lists with a liked film to learn from")
    gate, metrics = trained.gate, _metrics(trained)
    figures = f"NDCG@10 {gate.plain:.4f} to {gate.reranked:.4f}, gain {gate.gain}"
    if not gate.passed:
        return PackagedReranker(f"none: not better beyond chance on validation ({figures})", None, metrics)
    model = trained_to_onnx(trained, {"like_threshold": choice.like_threshold})
    return PackagedReranker(f"passed: {figures}", model, metrics)


def _metrics(trained: Trained) -> dict[str, float]:
    gate, young = trained.gate, trained.young
    few = (
        {}
        if young is None
        else {
            "reranker_few_ratings_ndcg@10_plain": round(young.gate.plain, 5),
            "reranker_few_ratings_ndcg@10": round(young.gate.reranked, 5),
        }
    )
    return {
        "reranker_validation_ndcg@10_plain": round(gate.plain, 5),
        "reranker_validation_ndcg@10": round(gate.reranked, 5),
        "reranker_validation_gain_low": round(gate.gain.low, 5),
        "reranker_validation_gain_high": round(gate.gain.high, 5),
        **few,
    }
