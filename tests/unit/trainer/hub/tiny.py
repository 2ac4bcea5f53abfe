"""Small models with random weights in the layout of a Hugging Face repository."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertModel, ViTConfig, ViTModel

from handlers.config import TextModel
from handlers.text_model import text_files

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")


def write_bert(folder: Path, **sizes: Any) -> BertModel:
    """A BERT of width 32 with the tokenizer of all-MiniLM-L6-v2."""
    torch.manual_seed(3)
    known = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    bert = BertModel(BertConfig(**{**known, "max_position_embeddings": 128, **sizes}))
    bert.save_pretrained(folder)
    installed = text_files(TextModel(sha256="", width=384, max_tokens=64)).tokenizer.parent
    for name in TOKENIZER:
        shutil.copyfile(installed / name, folder / name)
    return bert.eval()


def write_vit(folder: Path, **sizes: Any) -> ViTModel:
    """A ViT of width 32 over 48 x 48 pixels, which it wants as ImageNet's are normalised."""
    torch.manual_seed(4)
    known = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    vit = ViTModel(ViTConfig(**{**known, "image_size": 48, "patch_size": 16, **sizes}))
    vit.save_pretrained(folder)
    said = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True, **said}))
    return vit.eval()


def change(folder: Path, name: str, **fields: Any) -> None:
    """Other ``fields`` in JSON file ``name``."""
    found = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**found, **fields}))
