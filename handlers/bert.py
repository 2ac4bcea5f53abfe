"""The BERT that reads films, as a torch module, run without its own masks."""

from __future__ import annotations

from safetensors.torch import load_file
from torch import Tensor
from transformers import BertConfig, BertModel

from handlers.checksums import file_sha256
from handlers.exceptions import PackageFileError
from handlers.text_model import TextFiles


def load_bert(files: TextFiles) -> BertModel:
    """The text model in float32, attention `eager` (what ONNX export needs at this opset).

    Raises:
        PackageFileError: if its weights are missing or not those the package was trained with.
    """
    if not files.weights.is_file() or file_sha256(files.weights) != files.model.sha256:
        raise PackageFileError(f"{files.name} holds other weights than the package was trained with")
    try:
        config = BertConfig.from_json_file(files.config)
    except (OSError, ValueError) as error:
        raise PackageFileError(f"{files.config.name} of the text model cannot be read: {error}") from None
    config._attn_implementation = "eager"
    bert: BertModel = BertModel(config, add_pooling_layer=False)
    state = {k.removeprefix("bert."): v for k, v in load_file(files.weights).items()}
    missing, _ = bert.load_state_dict(state, strict=False)
    if [name for name in missing if not name.endswith("position_ids")]:
        raise PackageFileError(f"{files.name} lacks weights: {missing[:3]}")
    bert.train(False)
    return bert


def token_states(bert: BertModel, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """int64 [n, tokens] twice -> float32 [n, tokens, width]; what stands at padding means nothing."""
    # the additive mask is made here: the library's own is a third of the ONNX graph's nodes
    hidden: Tensor = bert.embeddings(input_ids=input_ids)
    additive = (1.0 - attention_mask[:, None, None, :].to(hidden.dtype)) * -1e9
    for layer in bert.encoder.layer:
        out = layer(hidden, additive)
        hidden = out[0] if isinstance(out, tuple) else out
    return hidden


def pooled(hidden: Tensor, mask: Tensor) -> Tensor:
    """Unit mean of all but padding: float32 [n, tokens, width], int64 [n, tokens] -> [n, width].

    Zero where there is nothing but padding.
    """
    keep = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * keep).sum(1) / keep.sum(1).clamp(min=1.0)
    return unit(mean)


def unit(rows: Tensor) -> Tensor:
    """[n, width] -> the same at length 1; zero stays zero."""
    length: Tensor = rows.pow(2).sum(1, keepdim=True).sqrt()
    return rows / length.clamp(min=1e-12)
