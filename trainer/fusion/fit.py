"""The content side of a fusion package: chosen on validation, then fitted on all films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from handlers.config import EncoderConfig, KernelConfig
from handlers.fusion import FusionNetwork, FusionTransformer
from trainer.evaluation.ranking import profiles
from trainer.fusion.base import Base, fit_base, kernel_matrix
from trainer.fusion.frozen import Arrays, Frozen
from trainer.fusion.marks import Marks, joined, marks_of, weighed
from trainer.fusion.module import Lesson
from trainer.fusion.options import ALL, GAINS, SHARES, VARIANTS, FusionOptions
from trainer.fusion.search import ANCHORS, Shape, empty_likeness, search_shape
from trainer.fusion.train import Judge, train_correction
from trainer.progress import Progress
from trainer.space.cuts import Cut
from trainer.space.matrix import Interactions
from trainer.space.targets import Targets

Float64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Task:
    """Films and the ratings from which their vectors are to be learnt."""

    films: Frozen
    data: Interactions
    """Its columns are the films."""
    config: EncoderConfig
    space: Targets
    entries: Float64
    """[items, s]: genres, year and people, as ``space`` knows them."""
    options: FusionOptions

    def targets(self, data: Interactions) -> Float64:
        """[items, dim]: collaborative vectors of ``data``."""
        return self.space.vectors(data, self.entries)


@dataclass(frozen=True)
class Choice:
    """What held-out films chose."""

    shape: Shape
    epochs: int
    gain: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class Fitted:
    """Base and correction of films with ratings."""

    base: Base
    kernel: KernelConfig
    fusion: FusionTransformer
    warm: Mask

    def fill(self, network: FusionNetwork, films: Frozen, gain: float) -> None:
        """Puts both into ``network``, whose config has the kernel."""
        rows = np.flatnonzero(self.warm)
        self.base.fill(network.base, films.take(rows).compared())
        network.fusion.load_state_dict(self.fusion.state_dict())
        with torch.no_grad():
            network.fusion.head.weight.mul_(gain)
            network.fusion.head.bias.mul_(gain)


def new_fusion(task: Task) -> FusionTransformer:
    """The transformer as it begins, by the seed alone."""
    config, options = task.config, task.options
    assert config.fusion is not None
    torch.manual_seed(options.seed)
    width = task.films.patches.shape[2]
    return FusionTransformer(
        config.fusion, config.features, config.text_model.width, width, config.dim, options.dropout
    )


def corrections(fusion: FusionTransformer, films: Frozen, variant: str = ALL, batch: int = 256) -> Float64:
    """[n, dim]: what the transformer adds for each film."""
    fusion.eval()
    order = np.argsort(np.diff(films.starts), kind="stable")
    out = np.zeros((len(films), fusion.head.out_features))
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            out[rows] = fusion(**films.batch(rows.tolist(), [variant] * len(rows))).numpy()
    return out


def base_says(
    task: Task, base: Base, kernel: KernelConfig, known: Frozen, films: Frozen, variant: str = ALL
) -> Float64:
    """[n, dim]: the base, fitted on the films ``known``, of ``films`` as ``variant`` leaves them."""
    likeness = empty_likeness(task.config, kernel, films.patches.shape[2])
    base.fill(likeness, known.compared())
    said: Float64 = kernel_matrix(likeness, films.compared(variant)) @ base.weights + base.bias
    return said


def start_of(options: FusionOptions) -> Shape:
    """Where the search begins."""
    return Shape(options.kernel, options.penalty, options.length_power, options.rank_power)


def lesson_of(
    task: Task, data: Interactions, shape: Shape, targets: Float64 | None = None
) -> tuple[Lesson, Base, Mask]:
    """What a correction on the ratings ``data`` learns from, the base under it, and which films they are.

    ``targets`` are ``task.targets(data)``, for who has them.
    """
    counts = data.counts()
    warm = counts > 0
    rows = np.flatnonzero(warm)
    films, targets = task.films.take(rows), task.targets(data) if targets is None else targets
    likeness = empty_likeness(task.config, shape.kernel, films.patches.shape[2])
    names = VARIANTS if task.options.folds > 1 else VARIANTS[:1]
    variants = {name: films.compared(name) for name in names}
    limit, folds, seed = task.options.anchors, task.options.folds, task.options.seed
    power, aims = task.options.rating_power, shape.aims(targets)
    base = fit_base(likeness, variants, aims[rows], counts[rows], shape.penalty, power, limit, folds, seed)
    liked = data.liked(task.space.like_threshold)
    lesson = Lesson(films, base.held_out, aims[rows], counts[rows], profiles(liked, targets), liked[:, rows])
    return lesson, base, warm


@dataclass(frozen=True)
class _Exam:
    """Films held out whole, and how well vectors rank them."""

    cut: Cut
    cold: Mask
    judged: Frozen
    targets: Float64
    users: Float64
    like_threshold: float
    known: Arrays
    """Of the films of the cut's part that have ratings, as the base compares them."""
    asked: Arrays
    """Of the held-out films."""

    @staticmethod
    def of(task: Task, cut: Cut, cold: Mask) -> _Exam:
        threshold, targets = task.space.like_threshold, task.targets(cut.part)
        users = profiles(cut.part.liked(threshold), targets)
        judged, warm = task.films.take(np.flatnonzero(cold)), np.flatnonzero(cut.part.counts() > 0)
        known = task.films.take(warm).compared()
        return _Exam(cut, cold, judged, targets, users, threshold, known, judged.compared())

    def marks(self, said: Float64) -> Marks:
        """By vectors ``said`` [held-out films, dim]."""
        hits = self.cut.held.liked(self.like_threshold)[:, np.flatnonzero(self.cold)]
        # float32 as served
        return marks_of(self.users.astype(np.float32), said.astype(np.float32), hits)

    def score(self, said: Float64) -> float:
        """The mean of it, which alone is quick."""
        vectors = np.zeros((len(self.cold), said.shape[1]))
        vectors[self.cold] = said
        ranked = self.cut.ranked(vectors, self.like_threshold, self.like_threshold, self.users, self.cold)
        return float(ranked.ndcg.mean())

    def of_shape(self, task: Task, shape: Shape) -> Marks:
        """By a base of this shape on fewer anchors, which is quick."""
        counts = self.cut.part.counts()
        rows = np.flatnonzero(counts > 0)
        likeness = empty_likeness(task.config, shape.kernel, task.films.patches.shape[2])
        aims, options = shape.aims(self.targets)[rows], task.options
        anchors = min(ANCHORS, options.anchors)
        base = fit_base(
            likeness,
            {ALL: self.known},
            aims,
            counts[rows],
            shape.penalty,
            options.rating_power,
            anchors,
            folds=1,
            seed=options.seed,
        )
        # the fit has put its anchors into ``likeness``
        return self.marks(kernel_matrix(likeness, self.asked) @ base.weights + base.bias)


def choose(task: Task, cuts: Sequence[tuple[Cut, Mask]], work: Path, progress: Progress) -> Choice:
    """Kernel, epochs and gain that rank films best which were held out whole, learning from the others alone.

    ``cuts``: each with a mask [items] of its held-out films. The kernel is chosen by all of them (on one,
    small gains drown), epochs by the first, and the gain by the others, where there are any: on films that
    chose the epochs a correction looks better than it is.
    """
    exams = [_Exam.of(task, cut, cold) for cut, cold in cuts]
    shape = search_shape(
        lambda one: joined([exam.of_shape(task, one) for exam in exams]),
        start_of(task.options),
        lambda done, of: progress("comparing films", done, of),
    )
    first, *others = exams
    lesson, base, _ = lesson_of(task, first.cut.part, shape, first.targets)
    said = base_says(task, base, shape.kernel, lesson.films, first.judged)
    judge = Judge(first.judged, lambda added: first.score(said + added))
    fusion, most = new_fusion(task), task.options.epochs
    epochs = train_correction(fusion, lesson, task.options, work / "choice", most, progress, judge)
    seen = [] if others else [_at_gains(task, first, shape, lesson.films, base, fusion)]
    for number, exam in enumerate(others):
        lesson, base, _ = lesson_of(task, exam.cut.part, shape, exam.targets)
        fusion = new_fusion(task)
        folder = work / ("gain" if not number else f"gain-{number + 1}")
        train_correction(fusion, lesson, task.options, folder, epochs, progress)
        seen.append(_at_gains(task, exam, shape, lesson.films, base, fusion))
    scores = {
        name: [joined([one[name][at] for one in seen]) for at in range(len(GAINS))] for name in VARIANTS
    }
    at = gain_of(scores)
    metrics = {
        "cold_validation_ndcg@10": scores[ALL][at].mean,
        "cold_validation_ndcg@10_base": scores[ALL][0].mean,
        "cold_validation_ndcg@10_correction_whole": scores[ALL][-1].mean,
    }
    for name in VARIANTS[1:]:
        metrics[f"cold_validation_ndcg@10_{name.replace(' ', '_')}"] = scores[name][at].mean
        metrics[f"cold_validation_ndcg@10_{name.replace(' ', '_')}_base"] = scores[name][0].mean
    return Choice(shape, epochs, GAINS[at], metrics)


def _at_gains(
    task: Task, exam: _Exam, shape: Shape, known: Frozen, base: Base, fusion: FusionTransformer
) -> dict[str, list[Marks]]:
    """Variant -> marks at each gain."""
    scores = {}
    for name in VARIANTS:
        without = base_says(task, base, shape.kernel, known, exam.judged, name)
        added = corrections(fusion, exam.judged, name)
        scores[name] = [exam.marks(without + gain * added) for gain in GAINS]
    return scores


def gain_of(scores: Mapping[str, Sequence[Marks]]) -> int:
    """Place in :data:`GAINS` of the gain to take, from the marks of each variant at each gain.

    Not every film comes whole: the correction is what reads a film whose text or metadata are missing. The
    first gain, which is none, stays unless the best is clearly better, for films as they are too: those
    that lack something are not helped at the cost of the others.
    """
    judgement = [
        weighed([(share, scores[name][at]) for name, share in SHARES.items()]) for at in range(len(GAINS))
    ]
    at = int(np.argmax([one.mean for one in judgement]))
    taken = judgement[at].clearly_above(judgement[0]) and scores[ALL][at].clearly_above(scores[ALL][0])
    return at if taken else 0


def fit(task: Task, data: Interactions, choice: Choice, work: Path, progress: Progress) -> Fitted:
    """Base and correction on all films with ratings in ``data``, as ``choice`` says."""
    lesson, base, warm = lesson_of(task, data, choice.shape)
    fusion = new_fusion(task)
    if choice.gain:
        train_correction(fusion, lesson, task.options, work / "whole", choice.epochs, progress)
    return Fitted(base, choice.shape.kernel, fusion, warm)
