"""A BERT from elsewhere says what its own library has it say, and one that cannot be run is told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from handlers.bert import load_bert, token_states
from handlers.exceptions import PackageFileError
from handlers.text_model import OWN_FILES
from handlers.tokens import pad
from tests.unit.trainer.hub.tiny import change, write_bert
from trainer.exceptions import TrainingError
from trainer.hub.text import hub_bert


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARQUEE_CACHE", str(tmp_path / "cache"))


def quiet(*_: object) -> None:
    pass


def test_it_says_what_its_own_library_has_it_say(tmp_path: Path) -> None:
    theirs = write_bert(tmp_path / "bert")
    files = hub_bert(str(tmp_path / "bert"), 16, quiet)
    assert (files.model.width, files.model.max_tokens, files.model.origin) == (32, 16, "bert")
    ids, mask = (torch.from_numpy(one) for one in pad(files.tokens().encode(["a robot in winter", "train"])))
    with torch.inference_mode():
        said = token_states(load_bert(files), ids, mask)
        wanted = theirs(input_ids=ids, attention_mask=mask).last_hidden_state
    assert torch.allclose(said[mask > 0], wanted[mask > 0], atol=1e-5)


def test_the_same_files_are_written_once(tmp_path: Path) -> None:
    write_bert(tmp_path / "bert")
    first, again = (hub_bert(str(tmp_path / "bert"), tokens, quiet) for tokens in (16, 32))
    assert first.weights == again.weights
    assert sorted(one.name for one in first.weights.parent.iterdir()) == sorted(OWN_FILES)
    assert len(list((tmp_path / "cache" / "text-models").iterdir())) == 1


def test_other_weights_than_those_trained_with_are_refused(tmp_path: Path) -> None:
    write_bert(tmp_path / "bert")
    files = hub_bert(str(tmp_path / "bert"), 16, quiet)
    files.weights.write_bytes(files.weights.read_bytes() + b" ")
    with pytest.raises(PackageFileError, match=r"text_model\.safetensors holds other weights"):
        load_bert(files)


def test_old_names_of_weights_are_known(tmp_path: Path) -> None:
    theirs = write_bert(tmp_path / "bert")
    file = tmp_path / "bert" / "model.safetensors"
    # as bert-base-uncased has them
    older = {
        f"bert.{name}".replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): tensor
        for name, tensor in load_file(file).items()
    }
    assert any("gamma" in name for name in older)
    save_file(older, file, metadata={"format": "pt"})
    bert = load_bert(hub_bert(str(tmp_path / "bert"), 16, quiet))
    assert torch.equal(bert.embeddings.LayerNorm.weight, theirs.embeddings.LayerNorm.weight)
    assert torch.equal(bert.embeddings.word_embeddings.weight, theirs.embeddings.word_embeddings.weight)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model_type": "roberta"}, "bert is a roberta: only models of the type bert"),
        ({"hidden_act": "gelu_new"}, "hidden_act gelu_new, not gelu"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type relative_key"),
        ({"max_position_embeddings": 8}, "reads 8 tokens at most, not 16: --max-tokens"),
        ({"vocab_size": 100}, "bert cannot be read as a BertModel"),
    ],
)
def test_what_cannot_be_run_is_refused(tmp_path: Path, fields: dict[str, object], said: str) -> None:
    write_bert(tmp_path / "bert")
    change(tmp_path / "bert", "config.json", **fields)
    with pytest.raises(TrainingError, match=said):
        hub_bert(str(tmp_path / "bert"), 16, quiet)


def test_a_tokenizer_with_more_words_than_the_weights_is_refused(tmp_path: Path) -> None:
    write_bert(tmp_path / "bert", vocab_size=100)
    with pytest.raises(TrainingError, match="knows 30522 words, its weights 100"):
        hub_bert(str(tmp_path / "bert"), 16, quiet)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    write_bert(tmp_path / "bert")
    (tmp_path / "bert" / "model.safetensors").rename(tmp_path / "bert" / "pytorch_model.bin")
    with pytest.raises(TrainingError, match=r"no model\.safetensors; pickled weights are not read"):
        hub_bert(str(tmp_path / "bert"), 16, quiet)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    write_bert(tmp_path / "bert")
    for name in ("tokenizer.json", "vocab.txt"):
        (tmp_path / "bert" / name).unlink()
    with pytest.raises(TrainingError, match=r"bert holds neither tokenizer\.json nor vocab\.txt"):
        hub_bert(str(tmp_path / "bert"), 16, quiet)


def test_weights_that_are_missing_are_not_drawn_at_random(tmp_path: Path) -> None:
    write_bert(tmp_path / "bert")
    file = tmp_path / "bert" / "model.safetensors"
    left = {name: tensor for name, tensor in load_file(file).items() if "layer.1.output.dense" not in name}
    save_file(left, file, metadata={"format": "pt"})
    with pytest.raises(
        TrainingError, match=r"lacks weights of a BertModel: encoder\.layer\.1\.output\.dense"
    ):
        hub_bert(str(tmp_path / "bert"), 16, quiet)
