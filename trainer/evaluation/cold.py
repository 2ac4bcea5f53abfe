"""Films without ratings, ranked among themselves: a row of docs/results.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from handlers.features import HASHED_FIELDS
from trainer.data import Ratings, all_ratings, load_items
from trainer.data.layouts import Layout
from trainer.data.plots import with_plots
from trainer.data.splits import cold_items
from trainer.evaluation.content import side_vectors, text_vectors
from trainer.evaluation.kernel import Kernel, Likeness, choose_kernel, likeness, regress
from trainer.evaluation.ranking import Float64, profiles, rank
from trainer.evaluation.served import matrices
from trainer.evaluation.statistics import paired
from trainer.space.choice import RELEVANT, sample_weights
from trainer.space.content import fit_ridge
from trainer.space.matrix import Interactions
from trainer.space.targets import Targets
from trainer.space.train import encode_items, feature_config
from trainer.space.tuning import Say

DIM, NEUTRAL_WEIGHT = 256, 0.5
LAMBDAS = (200.0, 600.0, 1500.0)
PENALTIES = (10.0, 30.0, 100.0, 300.0)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Content:
    """What is known of ML-100K's films without a single rating."""

    item_ids: tuple[str, ...]
    genres: Float64
    text: Float64
    people: Float64
    years: Float64

    def alike(
        self, text: Float64 | None = None, genres_too: bool = True, people_too: bool = True
    ) -> Likeness:
        """Likeness of the films; parts may be put in another's place, or left out."""
        nothing = np.zeros((len(self.item_ids), 1))
        return likeness(
            self.genres if genres_too else nothing,
            self.text if text is None else text,
            self.people if people_too else nothing,
            self.years if genres_too else np.zeros(len(self.years)),
        )


def ml_100k_content(data: Path) -> tuple[Ratings, Content]:
    """All ratings of ML-100K, and its films with plots and people of OMDb."""
    folder = data / "ml-100k"
    items = list(load_items(folder))
    films = encode_items(with_plots(items, data, Layout.ML_100K))
    config = feature_config(films)
    side = side_vectors(films)
    names = sum(config.hashed[field] for field in HASHED_FIELDS if field in config.hashed)
    return all_ratings(folder / "u.data"), Content(
        tuple(item.item_id for item in items),
        side[:, : len(config.genres) + 1],
        text_vectors(films),
        side[:, side.shape[1] - names :],
        np.array([item.year or 0 for item in items], dtype=np.float64),
    )


@dataclass(frozen=True)
class Case:
    """One question: only ``asked`` [items] are candidates; ``targets`` [items, dim] from training ratings."""

    train: Interactions
    test: Interactions
    asked: Mask
    targets: Float64

    def ndcg(self, vectors: Float64) -> Float64:
        """[users]: NDCG@10 of ranking by ``vectors`` [items, dim], profiles from the targets."""
        users = profiles(self.train.liked(RELEVANT), self.targets)
        ranked = rank(users, vectors, self.train.rated(), self.test.liked(RELEVANT), candidates=self.asked)
        return ranked.ndcg

    def predicted(self, alike: Likeness, kernel: Kernel) -> Float64:
        """Content vectors [items, dim] by kernel regression on items with ratings."""
        return regress(kernel.matrix(alike), self.targets, self.train.counts(), kernel)

    def ridge(self, features: Float64, penalty: float) -> Float64:
        """The same by ridge, as the first item encoder does."""
        counts = self.train.counts()
        warm = counts > 0
        model = fit_ridge(features[warm], self.targets[warm], sample_weights(counts[warm]), penalty)
        return model.predict(features)


def case(train: Interactions, test: Interactions, asked: Mask, regularisation: float) -> Case:
    """With targets from the training ratings."""
    targets = Targets(DIM, regularisation, NEUTRAL_WEIGHT, RELEVANT)
    return Case(train, test, asked, targets.vectors(train))


@dataclass(frozen=True)
class ColdChoice:
    """What a fifth of the warm items, held out, chose."""

    regularisation: float
    kernel: Kernel
    penalty: float


def choose_cold(train: Interactions, content: Content, seed: int, say: Say) -> ColdChoice:
    """Lambda, kernel and ridge penalty that rank held-out warm items best: training ratings alone."""
    warm = np.flatnonzero(train.counts() > 0)
    held = np.zeros(len(train.item_ids), dtype=bool)
    held[np.random.default_rng([seed, 3]).permutation(warm)[: len(warm) // 5]] = True
    part, validation = train.take(~held[train.items]), train.take(held[train.items])
    cases = {one: case(part, validation, held, one) for one in LAMBDAS}
    alike = content.alike()
    middle = cases[LAMBDAS[1]]
    kernel = choose_kernel(lambda one: float(middle.ndcg(middle.predicted(alike, one)).mean()))
    scores = {one: float(c.ndcg(c.predicted(alike, kernel)).mean()) for one, c in cases.items()}
    regularisation = max(scores, key=lambda one: scores[one])
    features = ridge_features(content)
    chosen = cases[regularisation]
    penalties = {one: float(chosen.ndcg(chosen.ridge(features, one)).mean()) for one in PENALTIES}
    say(f"lambda {regularisation}: {max(scores.values()):.4f}, {kernel}; ridge {max(penalties.values()):.4f}")
    return ColdChoice(regularisation, kernel, max(penalties, key=lambda one: penalties[one]))


def ridge_features(content: Content) -> Float64:
    """[items, f]: text, genres, decades, people."""
    decades = np.exp(-np.square((content.years[:, None] - np.arange(1920, 2031, 10)[None]) / 10))
    return np.hstack([content.text, content.genres, decades, content.people])


def ml_100k_cold(data: Path, say: Say) -> dict[str, Any]:
    """Five item folds: only films without any rating are ranked; text real, shuffled, random and left out."""
    ratings, content = ml_100k_content(data)
    folds: dict[str, list[float]] = {}
    users: dict[str, list[Float64]] = {}
    choices = []
    for number, fold in enumerate(cold_items(ratings, 5, seed=0)):
        train, test = matrices(fold.train, fold.test, content.item_ids)
        cold = np.isin(np.array(content.item_ids), sorted(fold.cold_items))
        choice = choose_cold(train, content, number, say)
        choices.append(asdict(choice))
        asked = case(train, test, cold, choice.regularisation)
        for name, vectors in _variants(asked, content, choice, number).items():
            scores = asked.ndcg(vectors)
            folds.setdefault(name, []).append(round(float(scores.mean()), 5))
            users.setdefault(name, []).append(scores)
        say(f"fold {number + 1}: {[(name, means[-1]) for name, means in folds.items()]}")
    pooled = {name: np.concatenate(parts) for name, parts in users.items()}
    against = {name: paired(pooled["all"], scores) for name, scores in pooled.items() if name != "all"}
    return {
        "ndcg@10": {name: round(float(np.mean(means)), 5) for name, means in folds.items()},
        "folds": folds,
        "all_against": {n: {"difference": asdict(p.difference), "p": p.p_t} for n, p in against.items()},
        "chosen": choices,
    }


def _variants(asked: Case, content: Content, choice: ColdChoice, seed: int) -> dict[str, Float64]:
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(content.text.shape)
    nothing = np.zeros((len(content.item_ids), 1))
    predicted: Callable[[Likeness], Float64] = lambda alike: asked.predicted(alike, choice.kernel)  # noqa: E731
    return {
        "all": predicted(content.alike()),
        "text_shuffled": predicted(content.alike(text=content.text[rng.permutation(len(noise))])),
        "text_random": predicted(content.alike(text=noise)),
        "without_text": predicted(content.alike(text=nothing)),
        "without_people": predicted(content.alike(people_too=False)),
        "text_only": predicted(content.alike(genres_too=False, people_too=False)),
        "ridge": asked.ridge(ridge_features(content), choice.penalty),
    }
