"""Source package to built package: ONNX, tokenizer, probe, model card and TorchServe archive."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt

from handlers.checksums import CHECKSUMS_FILE, write_checksums
from handlers.engines import Probe, save_probe
from handlers.engines.machine import ONNX_FILE
from handlers.engines.onnx_runtime import OnnxRuntimeEngine
from handlers.engines.parity import PROBE_FILE, check_parity
from handlers.exceptions import HandlerError
from handlers.text_model import text_files
from handlers.tokens import TOKENIZER_FILE
from model_store.archive import write_archive
from model_store.exceptions import ModelStoreError, PackageExistsError
from model_store.manifest import Manifest, describe_files, write_manifest
from model_store.plans import leave_posters_out, plan_of
from model_store.publish import aside, publish
from model_store.store import Package, find_source, local_folder, read_built, verify

RERANKER_FILE = "reranker.onnx"
"""Not every package has one. Gateways read it from the built package; TorchServe does not need it."""

LIBRARIES = ("torch", "onnx", "onnxscript", "onnxruntime", "transformers", "tokenizers")

Step = Callable[[str], None]


def build(
    reference: str,
    built_url: str | Path,
    *,
    sources: Sequence[Path] = (),
    step: Step = lambda _: None,
) -> Package:
    """The built package of ``reference`` under ``built_url``; made now unless it is there.

    Args:
        reference: ``name@version``, ``name`` for the newest, or the folder of a source package.
        sources: more folders of source packages, looked at before those that come with Marquee.
        step: told what is being done, for progress displays.

    Raises:
        PackageNotFoundError: there is no such source package.
        PackageBrokenError: a file of it, or of what was built before, is missing or changed.
        PackageExistsError: this version was built before, from another source package.
        ModelStoreError: the ONNX file does not compute what the model does.
    """
    source = find_source(reference, sources)
    root = local_folder(built_url)
    name, version = source.manifest.name, source.manifest.version
    present = read_built(root, name, version)
    if present is None:
        with aside(root, name, version) as folder:
            manifest = _fill(folder, source, step)
            step("publishing")
            try:
                return Package(publish(folder, root, name, version), manifest)
            except PackageExistsError:
                # another builder was faster; what it built is as good if it began with the same source
                present = read_built(root, name, version)
    return _accept(present, source)


def _accept(present: Package | None, source: Package) -> Package:
    if present is None:
        raise ModelStoreError(
            f"{source.manifest.reference} vanished while it was being built; build it again"
        )
    if present.manifest.built_from != source.manifest.digest:
        raise PackageExistsError(
            f"{present.manifest.reference} in {present.path} was built from another source package; "
            "a version is never overwritten: train a new one, or remove that folder if nothing serves it"
        )
    verify(present)
    return present


def _fill(folder: Path, source: Package, step: Step) -> Manifest:
    """Writes every file of the built package into ``folder``."""
    # torch takes seconds to import, which looking packages up need not spend
    from handlers.networks import load_model
    from model_store.export import export_onnx

    name, version = source.manifest.name, source.manifest.version
    try:
        plan = plan_of(source.path)
        if lacking := [one for one in plan.source_files if one not in source.manifest.files]:
            raise ModelStoreError(f"{source.manifest.reference} holds no {', '.join(lacking)}")
        for one in plan.source_files:
            shutil.copyfile(source.path / one, folder / one)
        if RERANKER_FILE in source.manifest.files:
            shutil.copyfile(source.path / RERANKER_FILE, folder / RERANKER_FILE)
        if plan.text_model is not None and TOKENIZER_FILE not in plan.source_files:
            shutil.copyfile(text_files(plan.text_model, folder).tokenizer, folder / TOKENIZER_FILE)
        step("loading the network")
        network = load_model(folder)
        if not getattr(network, "reads_posters", True):
            plan = leave_posters_out(folder)
        probe = record_probe(network, plan.probe(folder))
        save_probe(probe, folder / PROBE_FILE)
        step("exporting ONNX")
        export_onnx(network, folder / ONNX_FILE, probe.inputs, plan.inputs)
        parity = check_parity(OnnxRuntimeEngine(folder / ONNX_FILE), probe)
    except HandlerError as error:
        raise ModelStoreError(f"{source.manifest.reference} cannot be built: {error}") from None
    if not parity.passed:
        raise ModelStoreError(
            f"the ONNX file of {source.manifest.reference} differs from the model: {parity}"
        )
    step("packing the TorchServe archive")
    write_checksums(folder, plan.served_files)
    write_archive(folder, name, version, [*plan.served_files, CHECKSUMS_FILE], plan.handler)
    manifest = msgspec.structs.replace(
        source.manifest,
        kind="built",
        built_from=source.manifest.digest,
        built_with={library: metadata.version(library) for library in LIBRARIES},
        inputs=plan.inputs,
        outputs=plan.outputs,
        files=describe_files(folder),
    )
    write_manifest(manifest, folder)
    return manifest


def record_probe(network: Callable[..., Any], inputs: dict[str, npt.NDArray[Any]]) -> Probe:
    """``inputs``, and what the network makes of them in float32."""
    import torch

    with torch.inference_mode():
        vectors = network(**{name: torch.from_numpy(value) for name, value in inputs.items()})
    return Probe(inputs, vectors.numpy())
