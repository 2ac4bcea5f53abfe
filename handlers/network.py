"""The item encoder as a torch module, of either architecture, and its ONNX file."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertModel

from handlers.bert import load_bert, pooled, token_states
from handlers.config import WEIGHTS_FILE, EncoderConfig, PosterModel
from handlers.exceptions import PackageFileError
from handlers.fusion import FusionNetwork
from handlers.vit import VisionTransformer, ViTConfig

OPSET = 20


class ItemEncoderNetwork(nn.Module):
    """The architecture ``linear``: BERT, mean pooling, and a linear head into the space.

    (input_ids int64 [n, t], attention_mask int64 [n, t], side float32 [n, f]) -> float32 [n, dim].
    """

    def __init__(self, bert: BertModel, width: int, side: int, dim: int) -> None:
        super().__init__()
        self.bert = bert
        self.text_head = nn.Linear(width, dim, bias=True)
        self.side_head = nn.Linear(side, dim, bias=False)

    def embed(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """float32 [n, width]: the text alone."""
        return pooled(token_states(self.bert, input_ids, attention_mask), attention_mask)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, side: Tensor) -> Tensor:
        """float32 [n, dim]: the content vector."""
        vector: Tensor = self.text_head(self.embed(input_ids, attention_mask)) + self.side_head(side)
        return vector


Network = ItemEncoderNetwork | FusionNetwork


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


def build_network(config: EncoderConfig, dropout: float = 0.0) -> Network:
    """The network that ``config`` describes, with the text model's weights and no others.

    Raises:
        PackageFileError: if the text model is missing or another one.
    """
    bert, text = load_bert(config.text_model), config.text_model.width
    if config.architecture == "linear":
        return ItemEncoderNetwork(bert, text, config.features.width, config.dim)
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
    return fill(build_network(config), weights)


def _example(network: Network) -> tuple[dict[str, Tensor], dict[str, dict[int, torch.export.Dim]]]:
    """Inputs by name, in the order of ``forward``, and which of their axes vary."""
    rows = 2  # an example batch of 1 would be taken for a constant
    batch, tokens = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("tokens", min=2, max=512)
    text = torch.ones(rows, 8, dtype=torch.int64)
    inputs = {"input_ids": text, "attention_mask": text.clone()}
    shapes = {"input_ids": {0: batch, 1: tokens}, "attention_mask": {0: batch, 1: tokens}}
    if isinstance(network, ItemEncoderNetwork):
        inputs["side"] = torch.zeros(rows, network.side_head.in_features)
    else:
        size = network.vit.config
        inputs["side"] = torch.zeros(rows, max(last for _, last in network.base.columns.values()))
        inputs["pixels"] = torch.zeros(rows, 3, size.image_height, size.image_width)
        inputs["has_poster"] = torch.ones(rows)
    return inputs, {name: shapes.get(name, {0: batch}) for name in inputs}


def export_onnx(network: Network, path: Path) -> None:
    """Writes the network as ONNX in float32, batch and length dynamic."""
    inputs, shapes = _example(network)
    with torch.no_grad(), _quiet_exporter():
        torch.onnx.export(
            network,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=["vector"],
            dynamic_shapes=tuple(shapes.values()),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """The exporter speaks of torchvision, which we do not use, and of its own names for axes."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="# The axis name")
            yield
    finally:
        logger.setLevel(level)
