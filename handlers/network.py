"""The item encoder as a torch module: BERT, mean pooling, and the linear head into the space."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from handlers.checksums import file_sha256
from handlers.config import WEIGHTS_FILE, EncoderConfig, TextModel
from handlers.exceptions import PackageFileError
from handlers.text_model import text_model_folder

OPSET = 20


def load_bert(model: TextModel) -> BertModel:
    """The text model in float32, attention `eager` (what ONNX export needs at this opset).

    Raises:
        PackageFileError: if its weights are missing or not those the package was trained with.
    """
    folder = text_model_folder(model)
    weights = folder / "model.safetensors"
    if not weights.is_file() or file_sha256(weights) != model.sha256:
        raise PackageFileError(f"{model.distribution} holds other weights than the package was trained with")
    config = BertConfig.from_pretrained(folder)
    config._attn_implementation = "eager"
    bert: BertModel = BertModel(config, add_pooling_layer=False)
    state = {k.removeprefix("bert."): v for k, v in load_file(weights).items()}
    missing, _ = bert.load_state_dict(state, strict=False)
    if [name for name in missing if not name.endswith("position_ids")]:
        raise PackageFileError(f"{model.distribution} lacks weights: {missing[:3]}")
    bert.train(False)
    return bert


def pooled(hidden: Tensor, mask: Tensor) -> Tensor:
    """Unit mean of all but padding: float32 [n, tokens, width], int64 [n, tokens] -> [n, width]."""
    keep = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * keep).sum(1) / keep.sum(1).clamp(min=1.0)
    return mean / mean.pow(2).sum(1, keepdim=True).sqrt().clamp(min=1e-12)


class ItemEncoderNetwork(nn.Module):
    """(input_ids int64 [n, t], attention_mask int64 [n, t], side float32 [n, f]) -> float32 [n, dim]."""

    def __init__(self, bert: BertModel, width: int, side: int, dim: int) -> None:
        super().__init__()
        self.bert = bert
        self.text_head = nn.Linear(width, dim, bias=True)
        self.side_head = nn.Linear(side, dim, bias=False)

    def embed(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """float32 [n, width]: the text alone."""
        # the additive mask is made here: the library's own is a third of the ONNX graph's nodes
        hidden = self.bert.embeddings(input_ids=input_ids)
        additive = (1.0 - attention_mask[:, None, None, :].to(hidden.dtype)) * -1e9
        for layer in self.bert.encoder.layer:
            out = layer(hidden, additive)
            hidden = out[0] if isinstance(out, tuple) else out
        return pooled(hidden, attention_mask)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, side: Tensor) -> Tensor:
        """float32 [n, dim]: the content vector."""
        vector: Tensor = self.text_head(self.embed(input_ids, attention_mask)) + self.side_head(side)
        return vector


def load_network(folder: Path, config: EncoderConfig) -> ItemEncoderNetwork:
    """The network of the package in ``folder``, ready to run on the CPU in float32.

    Raises:
        PackageFileError: if weights are missing or do not fit.
    """
    model = config.text_model
    network = ItemEncoderNetwork(load_bert(model), model.width, config.features.width, config.dim)
    try:
        head = {name: tensor.float() for name, tensor in load_file(folder / WEIGHTS_FILE).items()}
        network.text_head.load_state_dict(
            {"weight": head["text_head.weight"], "bias": head["text_head.bias"]}
        )
        network.side_head.load_state_dict({"weight": head["side_head.weight"]})
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise PackageFileError(f"{WEIGHTS_FILE} does not fit: {error}") from None
    return network.eval()


def export_onnx(network: ItemEncoderNetwork, path: Path) -> None:
    """Writes the network as ONNX in float32, batch and length dynamic."""
    rows = 2  # an example batch of 1 would be taken for a constant
    example = (
        torch.ones(rows, 8, dtype=torch.int64),
        torch.ones(rows, 8, dtype=torch.int64),
        torch.zeros(rows, network.side_head.in_features),
    )
    batch, tokens = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("tokens", min=2, max=512)
    with torch.no_grad(), _quiet_exporter():
        torch.onnx.export(
            network,
            example,
            str(path),
            input_names=["input_ids", "attention_mask", "side"],
            output_names=["vector"],
            dynamic_shapes=({0: batch, 1: tokens}, {0: batch, 1: tokens}, {0: batch}),
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
