"""The content side of a fusion package, from ratings and films to weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from handlers.config import EncoderConfig, FusionConfig, PosterModel
from handlers.features import side_features
from handlers.fusion import FusionNetwork
from handlers.items import EncodeItem
from handlers.network import build_network, fill, package_weights
from handlers.text_model import TextFiles
from handlers.vit import VisionTransformer
from trainer.fusion.fit import Choice, Task, base_says, choose, fit, lesson_of
from trainer.fusion.frozen import Frozen, patches_of, words_of
from trainer.fusion.options import ALL, SCALES, FusionOptions
from trainer.progress import Progress
from trainer.space.cuts import cold_cuts, rating_cuts
from trainer.space.matrix import Interactions
from trainer.space.mixing import Mix, choose_mix
from trainer.space.options import AUTO, HALF_COUNTS, SpaceOptions
from trainer.space.side import ContentSide
from trainer.space.tuning import Tuned, questions

Float64 = npt.NDArray[np.float64]
BARE = EncodeItem(title="")


def fusion_config(config: EncoderConfig, poster: PosterModel, options: FusionOptions) -> EncoderConfig:
    """``config`` of the architecture ``fusion``; the number of anchors is set when they are chosen."""
    sizes = FusionConfig(
        width=options.width,
        depth=options.depth,
        heads=options.heads,
        mlp_ratio=options.mlp_ratio,
        anchors=1,
        kernel=options.kernel,
    )
    return msgspec.structs.replace(config, architecture="fusion", fusion=sizes, poster_model=poster)


def frozen_films(
    films: Sequence[EncodeItem],
    config: EncoderConfig,
    text: TextFiles,
    vit: VisionTransformer,
    cache: Path,
    progress: Progress,
) -> Frozen:
    """What the frozen encoders say of ``films``, from ``cache`` where it has been asked before."""
    words, starts = words_of(films, text, cache, progress)
    patches, rows = patches_of(films, vit, cache, progress)
    side, bare = side_features(films, config.features), side_features([BARE], config.features)[0]
    return Frozen(words, starts, patches, rows, side, bare)


def content_vectors(
    network: FusionNetwork,
    films: Frozen,
    variants: Sequence[str] = (),
    queries: Sequence[bool] = (),
    batch: int = 256,
) -> npt.NDArray[np.float32]:
    """float32 [n, dim]: what the packaged network answers.

    ``variants`` say what of each film it is told, ``queries`` which are none, but what searchers say.
    """
    variants = variants or [ALL] * len(films)
    asked = np.array(queries or [False] * len(films), dtype=np.float32)
    order = np.argsort(np.diff(films.starts), kind="stable")
    out = np.zeros((len(films), network.base.weights.shape[1]), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            told = films.batch(rows.tolist(), [variants[i] for i in rows])
            out[rows] = network.answer(**told, query=torch.from_numpy(asked[rows])).numpy()
    return out


def fusion_side(
    config: EncoderConfig,
    text: TextFiles,
    films: Sequence[EncodeItem],
    data: Interactions,
    entries: Float64,
    tuned: Tuned,
    options: SpaceOptions,
    sizes: FusionOptions,
    vit: VisionTransformer,
    folders: tuple[Path, Path],
    progress: Progress,
) -> ContentSide:
    """Trains base and correction; ``folders`` hold cached token states, and checkpoints.

    ``entries`` [items, s]: genres, year and people, as the targets of ``tuned`` know them.

    Raises:
        TrainingError: if the work folder holds another training, or a poster is no image.
    """
    cache, work = folders
    frozen = frozen_films(films, config, text, vit, cache, progress)
    task = Task(frozen, data, config, tuned.choice, entries, sizes)
    choice = choose(task, cold_cuts(data, options.seed), work, progress)
    mix, metrics = choose_fusion_mix(task, choice, options, tuned)
    fitted = fit(task, data, choice, work, progress)
    assert config.fusion is not None
    anchors = np.flatnonzero(fitted.warm)[fitted.base.anchors]
    most = int((frozen.side[anchors][:, config.features.columns["year"][1] :] != 0).sum(axis=1).max())
    fusion = msgspec.structs.replace(
        config.fusion, anchors=len(fitted.base.anchors), people=most, kernel=choice.shape.kernel
    )
    config = msgspec.structs.replace(config, fusion=fusion)
    network = build_network(config, text)
    assert isinstance(network, FusionNetwork)
    fitted.fill(network, frozen, choice.gain)
    network.vit.load_state_dict(vit.state_dict())
    network.scale = torch.tensor([mix.content_scale])
    weights = package_weights(network)
    fill(network, weights)
    config = msgspec.structs.replace(config, reads_posters=network.reads_posters)
    parameters: dict[str, float | int | str] = {
        "architecture": "fusion",
        "poster_model": poster.package or poster.origin if (poster := config.poster_model) else "",
        "posters": int((frozen.poster_rows >= 0).sum()),
        "anchors": fusion.anchors,
        "base_penalty": choice.shape.penalty,
        "base_length_power": choice.shape.length_power,
        "base_rank_power": choice.shape.rank_power,
        "epochs": choice.epochs,
        "correction_gain": choice.gain,
        "correction": f"width {fusion.width}, depth {fusion.depth}, ranking loss {sizes.ranking}",
        **{f"kernel_{name}": value for name, value in msgspec.structs.asdict(choice.shape.kernel).items()},
    }
    return ContentSide(
        config,
        {name: tensor.numpy() for name, tensor in weights.items()},
        content_vectors(network, frozen),
        mix,
        anchors,
        {},
        parameters,
        {
            "cold_validation_ndcg@10_ridge": tuned.metrics["cold_validation_ndcg@10"],
            **choice.metrics,
            **metrics,
        },
    )


def choose_fusion_mix(
    task: Task, choice: Choice, options: SpaceOptions, tuned: Tuned
) -> tuple[Mix, dict[str, float]]:
    """How the base's vectors join those of ratings, and how well that does; the correction is left out.

    The base learns from films that were rated, mostly well-known ones, so its vectors may be too long for the
    others: the scale says by how much.
    """
    alone = replace(task, options=replace(task.options, folds=1))

    def content(part: Interactions, vectors: Float64) -> Float64:
        lesson, base, _ = lesson_of(alone, part, choice.shape, vectors)
        return base_says(task, base, choice.shape.kernel, lesson.films, task.films)

    cuts = rating_cuts(task.data, options.validation_share, options.seed)[:1]
    among_all, among_few = questions(task.data, task.space, task.entries, content, cuts, options)
    halves = HALF_COUNTS if options.half_count == AUTO else (options.half_count,)
    mix = choose_mix(among_all, among_few, halves, SCALES)
    one, items = among_all[0], len(task.data.item_ids)
    summary = one.ranked(mix).summary(items)
    metrics = {f"validation_{name}": value for name, value in summary.items()}
    metrics["validation_ndcg@10_linear"] = tuned.metrics["validation_ndcg@10"]
    alone_says = replace(mix, half_count=float("inf"), taste_strength=0.0)
    metrics["validation_ndcg@10_content_only"] = one.score(alone_says)
    if among_few:
        few = [question.score(mix) for question in among_few]
        metrics["few_validation_ndcg@10"] = float(np.mean(few))
    return mix, metrics
