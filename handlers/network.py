"""The item encoder as a torch module, of either architecture."""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertModel

from handlers.bert import load_bert, pooled, token_states
from handlers.config import WEIGHTS_FILE, EncoderConfig, PosterModel, QueryConfig
from handlers.exceptions import PackageFileError
from handlers.fusion import FusionNetwork
from handlers.query_head import QueryHead, answered
from handlers.text_model import TextFiles, text_files
from handlers.vit import VisionTransformer, ViTConfig


class ItemEncoderNetwork(nn.Module):
    """The architecture ``linear``: BERT, mean pooling, and a linear head into the space.

    (input_ids int64 [n, t], attention_mask int64 [n, t], side float32 [n, f], and query float32 [n] if it
    answers queries) -> float32 [n, dim].
    """

    def __init__(
        self, bert: BertModel, width: int, side: int, dim: int, query: QueryConfig | None = None
    ) -> None:
        super().__init__()
        self.bert = bert
        self.text_head = nn.Linear(width, dim, bias=True)
        self.side_head = nn.Linear(side, dim, bias=False)
        self.query_head = None if query is None else QueryHead(query.films, dim, query.sharpness)
        if query is not None:
            self.register_buffer("known_text", torch.zeros(query.films, width))
        self.known_text: Tensor

    def of_states(
        self, states: Tensor, attention_mask: Tensor, side: Tensor, query: Tensor | None = None
    ) -> Tensor:
        """float32 [n, dim] from what BERT said, [n, t, width]."""
        return self.of_text(pooled(states, attention_mask), side, query)

    def of_text(self, text: Tensor, side: Tensor, query: Tensor | None = None) -> Tensor:
        """float32 [n, dim] from unit vectors of texts, [n, width]."""
        said: Tensor = self.text_head(text) + self.side_head(side)
        if query is None or self.query_head is None:
            return said
        return answered(said, self.query_head(text @ self.known_text.T), query)

    def embed(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """float32 [n, width]: the text alone."""
        return pooled(token_states(self.bert, input_ids, attention_mask), attention_mask)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, side: Tensor, query: Tensor | None = None
    ) -> Tensor:
        """float32 [n, dim]: the content vector, or a searcher's."""
        return self.of_states(token_states(self.bert, input_ids, attention_mask), attention_mask, side, query)


Network = ItemEncoderNetwork | FusionNetwork


def poster_model(config: ViTConfig, package: str = "", origin: str = "") -> PosterModel:
    """As an item encoder's config describes a ViT."""
    return PosterModel(
        height=config.image_height,
        width=config.image_width,
        settings=msgspec.structs.asdict(config),
        package=package,
        origin=origin,
    )


def vision_transformer(model: PosterModel) -> VisionTransformer:
    """Of the sizes that ``model`` says, its weights random.

    Raises:
        PackageFileError: if they are no sizes of a ViT.
    """
    try:
        config = msgspec.convert(model.settings, ViTConfig)
    except (msgspec.ValidationError, ValueError) as error:
        raise PackageFileError(f"the poster model cannot be made: {error}") from None
    return VisionTransformer(config)


def build_network(config: EncoderConfig, text: TextFiles, dropout: float = 0.0) -> Network:
    """The network that ``config`` describes, with the weights of ``text`` and no others.

    Raises:
        PackageFileError: if the text model is missing or another one.
    """
    bert = load_bert(text)
    if config.architecture == "linear":
        width = config.text_model.width
        return ItemEncoderNetwork(bert, width, config.features.width, config.dim, config.query)
    assert config.poster_model is not None
    return FusionNetwork(bert, vision_transformer(config.poster_model), config, dropout)


_IN_FULL = ("base.weights", "base.bias")
"""Large numbers that nearly cancel: rounded, they would not."""


def package_weights(network: Network) -> dict[str, Tensor]:
    """What a package holds of ``network``: everything but the text model, most of it in float16."""
    state = {k: v.contiguous() for k, v in network.state_dict().items() if not k.startswith("bert.")}
    return {k: v if k in _IN_FULL or not v.is_floating_point() else v.half() for k, v in state.items()}


def fill(network: Network, weights: dict[str, Tensor]) -> Network:
    """``network`` with the package's ``weights``, ready to run in float32.

    Raises:
        PackageFileError: if they do not fit.
    """
    try:
        missing, unexpected = network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}, strict=False
        )
    except RuntimeError as error:
        raise PackageFileError(f"{WEIGHTS_FILE} does not fit: {error}") from None
    wrong = [name for name in missing if not name.startswith("bert.")] + unexpected
    if wrong:
        raise PackageFileError(f"{WEIGHTS_FILE} does not fit: {', '.join(wrong[:3])}")
    if isinstance(network, FusionNetwork):
        network.settle()
    return network.eval()


def load_network(folder: Path, config: EncoderConfig) -> Network:
    """The network of the package in ``folder``, ready to run on the CPU in float32.

    Raises:
        PackageFileError: if weights are missing or do not fit.
    """
    try:
        weights = load_file(folder / WEIGHTS_FILE)
    except (OSError, SafetensorError) as error:
        raise PackageFileError(f"{WEIGHTS_FILE} cannot be read: {error}") from None
    return fill(build_network(config, text_files(config.text_model, folder)), weights)
