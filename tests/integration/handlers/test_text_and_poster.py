"""The shipped text and poster encoders: built, proven when loaded, served by the real TorchServe."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from deploy.stack.torchserve import TorchServe
from handlers.checksums import write_checksums
from handlers.engines import Probe, load_probe, save_probe
from handlers.engines.parity import PROBE_FILE
from handlers.exceptions import HandlerError, PackageFileError
from handlers.handler import EncoderHandler
from handlers.networks import load_model
from handlers.pixels import normalise, read_posters
from handlers.poster_encoder import PosterEncoderHandler
from handlers.text_encoder import TextEncoderHandler
from handlers.texts import load_text_config
from handlers.tokens import TOKENIZER_FILE, Tokens, pad
from model_store import Package, build
from model_store.plans import plan_of
from streaming.encoder import register_version, unregister_version
from streaming.settings import Settings, TorchServeSettings
from tests.integration.handlers.context import Context
from trainer.data import poster_frames

MSGPACK, JSON = "application/msgpack", "application/json"
TEXTS = ["A robot.", "Zwei Wächter", "word " * 300, "film"]
HANDLERS: dict[str, type[EncoderHandler]] = {"text": TextEncoderHandler, "poster": PosterEncoderHandler}


@dataclass(frozen=True)
class Served:
    """A package, where it answers, items it takes, and what its network makes of them."""

    package: Package
    url: str
    field: str
    items: list[Any]
    want: np.ndarray[Any, Any]


def picture(mode: str = "RGB", kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (30, 44)).save(out, kind, **options)
    return out.getvalue()


def text_inputs(folder: Path) -> dict[str, Any]:
    tokens = Tokens(folder / TOKENIZER_FILE, load_text_config(folder).text_model.max_tokens)
    return dict(zip(("input_ids", "attention_mask"), pad(tokens.encode(TEXTS)), strict=True))


def posters() -> list[bytes]:
    return [frame.read_bytes() for frame in poster_frames()[:2]] + [picture("CMYK", "JPEG"), picture("L")]


@pytest.fixture(scope="module", params=[pytest.param("text", marks=pytest.mark.full), "poster"])
def served(
    request: pytest.FixtureRequest, torchserve_service: TorchServe, stack_dir: Path
) -> Iterator[Served]:
    field, server = str(request.param), torchserve_service
    package = build(f"{field}-encoder", server.models)
    serve = TorchServeSettings(inference_url=server.inference_url, management_url=server.management_url)
    settings = Settings(home=stack_dir, torchserve=serve)
    name, version = package.manifest.name, package.manifest.version
    register_version(settings, package.archive, name, version)
    items: list[Any] = TEXTS if field == "text" else list(posters())
    if field == "text":
        inputs = text_inputs(package.path)
    else:
        pixels, _ = read_posters(items, 96, 64)
        inputs = {"pixels": normalise([one for one in pixels if one is not None])}
    with torch.inference_mode():
        network = load_model(package.path)
        want = network(**{key: torch.from_numpy(value) for key, value in inputs.items()}).numpy()
    yield Served(package, f"{server.inference_url}/predictions/{name}/{version}", field, items, want)
    unregister_version(settings, name, version)


def ask(served: Served, items: list[Any], kind: str) -> dict[str, Any]:
    encode = msgspec.msgpack.encode if kind == MSGPACK else msgspec.json.encode
    answer = httpx.post(
        served.url, content=encode({"items": items}), headers={"content-type": kind}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    decode = msgspec.msgpack.decode if kind == MSGPACK else msgspec.json.decode
    body: dict[str, Any] = decode(answer.content)
    return body


@pytest.mark.parametrize("kind", [MSGPACK, JSON])
def test_answers_are_what_the_network_says_and_name_their_origin(served: Served, kind: str) -> None:
    body = ask(served, [{served.field: item} for item in served.items], kind)
    assert body["package"] == served.package.manifest.reference
    assert body["engine"] in ("onnxruntime", "eager")
    assert body["reads_posters"] is (served.field == "poster")
    assert set(body["timings_ms"]) == {"tokenise", "engine", "total"}
    raw = [one["vector"] for one in body["results"]]
    got = np.stack([np.frombuffer(one if kind == MSGPACK else base64.b64decode(one), "<f4") for one in raw])
    assert got.shape == (len(served.items), served.package.manifest.dim)
    assert np.allclose(got, served.want, atol=1e-4)
    assert np.allclose(np.linalg.norm(got, axis=1), 1.0, atol=1e-4)


BAD: dict[str, list[tuple[Any, str]]] = {
    "text": [
        ({"text": " \n"}, "empty"),
        ({"text": 3}, "is no text"),
        ({}, "is no text"),
        (None, "is no text"),
        ({"text": "y" * 1_000_000}, "longer than"),
    ],
    "poster": [
        ({"poster": b""}, "is empty"),
        ({"poster": b"GIF89a" + b"\0" * 40}, "is no JPEG"),
        ({"poster": picture()[:60]}, "is broken"),
        ({"poster": 3}, "is no poster"),
        ({"title": "A film"}, "is no poster"),
        ({"poster": picture() + b"\0" * 5_000_001}, "larger than"),
    ],
}


def test_a_bad_item_gets_its_reason_and_the_others_their_vectors(served: Served) -> None:
    good, bad = {served.field: served.items[0]}, BAD[served.field]
    mixed = [good, *(item for item, _ in bad), good]
    body = ask(served, mixed, MSGPACK)
    for (_, reason), result in zip(bad, body["results"][1:-1], strict=True):
        assert list(result) == ["error"]
        assert reason in result["error"]
    for result in (body["results"][0], body["results"][-1]):
        assert np.allclose(np.frombuffer(result["vector"], "<f4"), served.want[0], atol=1e-4)


def test_64_items_are_a_request_and_65_are_not(served: Served) -> None:
    item = {served.field: served.items[-1]}
    body = ask(served, [item] * 64, MSGPACK)
    assert all(
        np.allclose(np.frombuffer(one["vector"], "<f4"), served.want[-1], atol=1e-4)
        for one in body["results"]
    )
    content = msgspec.msgpack.encode({"items": [item] * 65})
    answer = httpx.post(served.url, content=content, headers={"content-type": MSGPACK}, timeout=60)
    assert answer.status_code == 400
    assert "1 to 64 items" in msgspec.msgpack.decode(answer.content)["error"]


def test_what_does_not_reproduce_its_recording_is_not_served(served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(served.package.path, folder)
    handler = HANDLERS[served.field]
    probe = load_probe(folder / PROBE_FILE)
    save_probe(Probe(probe.inputs, -probe.vectors), folder / PROBE_FILE)
    with pytest.raises(PackageFileError, match="checksum differs"):
        handler().initialize(Context(folder, []))
    # somebody who writes checksums anew, too; without a manifest nothing else vouches for the files
    (folder / "manifest.json").unlink()
    write_checksums(folder, plan_of(folder).served_files)
    with pytest.raises(HandlerError, match=r"no engine can run this package.*onnxruntime: parity"):
        handler().initialize(Context(folder, []))
    save_probe(probe, folder / PROBE_FILE)
    write_checksums(folder, plan_of(folder).served_files)
    handler().initialize(Context(folder, []))
