"""Built packages that are bad in one way: a copy of another, one file changed, checksums in order."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from handlers.checksums import CHECKSUMS_FILE, write_checksums
from handlers.config import load_config, write_config
from handlers.encoding import ITEM_TABLE_FILE
from handlers.engines.machine import ONNX_FILE
from handlers.item_table import load_table, save_table
from handlers.tokens import TOKENIZER_FILE, Tokens
from model_store import Package
from model_store.archive import write_archive
from model_store.manifest import MANIFEST_FILE, describe_files, write_manifest
from model_store.plans import plan_of

SLOW_SIZE, SLOW_STEPS = 512, 12


def changed(package: Package, version: str, change: Callable[[Path], None], *, served: bool = False) -> str:
    """The reference of ``package`` under another version, with ``change`` made to its files.

    Args:
        served: with an archive for TorchServe; it takes seconds, and what is stopped before needs none.
    """
    folder = package.path.parent / version
    if folder.exists():
        return f"{package.manifest.name}@{version}"
    left_out = (MANIFEST_FILE, CHECKSUMS_FILE, package.archive.name)
    shutil.copytree(package.path, folder, ignore=lambda _, names: {n for n in names if n in left_out})
    write_config(msgspec.structs.replace(load_config(folder), version=version), folder)
    change(folder)
    plan, name = plan_of(folder), package.manifest.name
    write_checksums(folder, plan.served_files)
    if served:
        write_archive(folder, name, version, [*plan.served_files, CHECKSUMS_FILE], plan.handler)
    files = describe_files(folder)
    write_manifest(msgspec.structs.replace(package.manifest, version=version, files=files), folder)
    return f"{name}@{version}"


def narrow(folder: Path) -> None:
    """Vectors of half the dimensions in the item table."""
    table = load_table(folder / ITEM_TABLE_FILE)
    half = np.ascontiguousarray(table.vectors[:, : table.dim // 2])
    save_table(replace(table, vectors=half), folder / ITEM_TABLE_FILE)


def slow(folder: Path) -> None:
    """The same answers, after some hundred milliseconds of products that count for nothing."""
    matrix = np.random.default_rng(0).normal(size=(SLOW_SIZE, SLOW_SIZE)).astype(np.float32) / SLOW_SIZE

    def extra(graph: onnx.GraphProto) -> str:
        graph.initializer.append(numpy_helper.from_array(matrix, "slow_matrix"))
        graph.initializer.append(numpy_helper.from_array(np.float32(0), "slow_nothing"))
        # what hangs on the input cannot be computed beforehand
        nodes = [
            helper.make_node("Cast", ["input_ids"], ["slow_ids"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["slow_ids"], ["slow_sum"], keepdims=0),
            helper.make_node("Add", ["slow_matrix", "slow_sum"], ["slow_0"]),
        ]
        for step in range(SLOW_STEPS):
            nodes.append(helper.make_node("MatMul", [f"slow_{step}", "slow_matrix"], [f"slow_{step + 1}"]))
        nodes += [
            helper.make_node("ReduceMax", [f"slow_{SLOW_STEPS}"], ["slow_most"], keepdims=0),
            helper.make_node("Mul", ["slow_most", "slow_nothing"], ["slow_end"]),
        ]
        graph.node.extend(nodes)
        return "slow_end"

    _add(folder, extra)


def crashing_on(word: str) -> Callable[[Path], None]:
    """A model that fails, with an error of its engine, on each film whose text has ``word`` (one token)."""

    def change(folder: Path) -> None:
        _, token, _ = Tokens(folder / TOKENIZER_FILE, 8).encode([word])[0]

        def extra(graph: onnx.GraphProto) -> str:
            for name, value in (
                ("crash_token", np.int64(token)),
                ("crash_far", np.int64(1_000)),
                ("crash_zero", np.zeros(1, dtype=np.float32)),
            ):
                graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
            graph.node.extend(
                [
                    helper.make_node("Equal", ["input_ids", "crash_token"], ["crash_there"]),
                    helper.make_node("Cast", ["crash_there"], ["crash_ones"], to=TensorProto.INT64),
                    helper.make_node("ReduceMax", ["crash_ones"], ["crash_any"], keepdims=0),
                    helper.make_node("Mul", ["crash_any", "crash_far"], ["crash_index"]),
                    # out of bounds where the word is
                    helper.make_node("Gather", ["crash_zero", "crash_index"], ["crash_end"]),
                ]
            )
            return "crash_end"

        _add(folder, extra)

    return change


def _add(folder: Path, extra: Callable[[onnx.GraphProto], str]) -> None:
    """Add what ``extra`` computes (a scalar, its name returned) to the answer of the ONNX file."""
    path = folder / ONNX_FILE
    model = onnx.load(path)
    graph = model.graph
    (last,) = [node for node in graph.node if "vector" in node.output]
    last.output[list(last.output).index("vector")] = "vector_before"
    graph.node.append(helper.make_node("Add", ["vector_before", extra(graph)], ["vector"]))
    onnx.save(model, path)
