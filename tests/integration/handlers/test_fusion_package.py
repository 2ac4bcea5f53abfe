"""A fusion package, trained on made films and posters, built and loaded as TorchServe's worker loads it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from handlers.bert import pooled, token_states, unit
from handlers.config import load_config
from handlers.encoding import ItemEncoder
from handlers.engines import load_probe
from handlers.engines.eager import EagerEngine
from handlers.engines.packing import packed
from handlers.engines.parity import PROBE_FILE, compare
from handlers.fusion import FusionNetwork, poster_vector
from handlers.inputs import ModelInputs
from handlers.item_table import load_table
from handlers.items import EncodeItem
from handlers.network import load_network
from handlers.networks import load_model
from handlers.tokens import TOKENIZER_FILE, Tokens
from model_store import Package, build
from model_store.engines import try_engines
from model_store.mixed import run
from model_store.narrow import PackedNetwork
from model_store.native import compile_package
from tests.integration.encoder.tiny import FILMS, write_data
from trainer.data import load_items
from trainer.space import SpaceOptions, train_space, write_package
from trainer.space.train import TrainedSpace, encode_items

NAME = "tiny-fusion"
READ = ("input_ids", "attention_mask", "side")
COLD = EncodeItem(title="A film nobody knows", year=1999, genres=("Horror",), text="A ghost on a train.")


def picture(seed: int) -> bytes:
    knots = np.random.default_rng(seed).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(knots).resize((80, 120), Image.Resampling.BICUBIC).save(out, "WEBP")
    return out.getvalue()


def write_posters(folder: Path) -> Path:
    """Posters of every other film, and the map that names them."""
    (folder / "posters").mkdir(parents=True)
    rows = ["dataset,item_id,imdb,has_poster,source"]
    for number in range(1, FILMS + 1):
        has = number % 2
        rows.append(f"ml-latest-small,{number},tt{number:07d},{has},made")
        if has:
            (folder / "posters" / f"tt{number:07d}.webp").write_bytes(picture(number))
    (folder / "poster_map.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fusion")


@pytest.fixture(scope="module")
def trained(folder: Path) -> TrainedSpace:
    options = SpaceOptions(
        dim=16,
        architecture="fusion",
        poster_model="random",
        posters=str(write_posters(folder / "pictures")),
        rerank=False,
        threads=1,
    )
    trained = train_space(write_data(folder / "data"), NAME, "1", options)
    assert trained.parameters["posters"] == FILMS // 2
    return trained


def built(trained: TrainedSpace, folder: Path, name: str, poster: float, spread: float) -> Package:
    """The package with its posters weighed ``poster`` in the base, its correction's last layer drawn anew."""
    fusion = trained.config.fusion
    assert fusion is not None
    kernel = msgspec.structs.replace(fusion.kernel, poster=poster)
    known = msgspec.structs.replace(fusion, kernel=kernel)
    # as older sources have it: they do not say whether posters count
    config = msgspec.structs.replace(trained.config, name=name, fusion=known, reads_posters=True)
    drawn = np.random.default_rng(0)
    head = {
        part: drawn.normal(0, spread, trained.weights[part].shape).astype(np.float16)
        for part in ("fusion.head.weight", "fusion.head.bias")
    }
    changed = replace(trained, config=config, weights={**trained.weights, **head})
    return build(str(write_package(changed, folder / "packages").path), folder / "models")


@pytest.fixture(scope="module")
def package(trained: TrainedSpace, folder: Path) -> Package:
    """Its correction and posters are given weight, for so few films teach it neither."""
    return built(trained, folder, NAME, poster=0.5, spread=0.05)


@pytest.fixture(scope="module")
def encoder(package: Package) -> ItemEncoder:
    return ItemEncoder.load(package.path)


def vector(encoder: ItemEncoder, item: EncodeItem) -> npt.NDArray[np.float32]:
    encoded = encoder.encode([item])
    assert encoded.errors == [None]
    return encoded.vectors[0]


def test_onnx_computes_what_the_model_does(package: Package) -> None:
    rows = {row.engine: row for row in try_engines(package)}
    assert rows["onnxruntime"].passed
    assert rows["eager"].passed
    assert set(package.manifest.inputs) == {*READ, "query", "pixels", "has_poster"}


def test_a_poster_changes_the_vector_of_a_film_without_ratings(encoder: ItemEncoder) -> None:
    without = vector(encoder, COLD)
    one = vector(encoder, msgspec.structs.replace(COLD, poster=picture(1)))
    other = vector(encoder, msgspec.structs.replace(COLD, poster=picture(2)))
    least = 1e-3 * np.linalg.norm(without)
    assert np.linalg.norm(one - without) > least
    assert np.linalg.norm(one - other) > least
    assert np.array_equal(without, vector(encoder, msgspec.structs.replace(COLD, poster=None)))


def test_whatever_is_missing_there_is_a_vector(encoder: ItemEncoder) -> None:
    few = [
        EncodeItem(title="Only a title"),
        EncodeItem(title="", text="Only a text."),
        EncodeItem(title="", poster=picture(3)),
        EncodeItem(title="", poster=picture(4)),
    ]
    encoded = encoder.encode([*few, EncodeItem(title="")])
    assert encoded.errors[:4] == [None] * 4
    assert "both empty" in str(encoded.errors[4])
    assert len({v.tobytes() for v in encoded.vectors[:4]}) == 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_it_says_the_same_and_looks_at_no_poster_but_those_that_are_there(
    package: Package, dtype: torch.dtype
) -> None:
    probe = load_probe(package.path / PROBE_FILE)
    network = PackedNetwork(load_model(package.path), dtype)
    assert network.vit is not None
    assert {p.dtype for p in network.vit.blocks.buffers()} == ({dtype} if dtype == torch.bfloat16 else set())
    seen: list[int] = []
    network.vit.register_forward_hook(lambda _, arguments, __: seen.append(len(arguments[0])))
    network.forget_original()
    parity = compare(run(network, packed(probe.inputs)), probe.vectors, reduced_precision=False)
    assert seen == [int(probe.inputs["has_poster"].sum())]
    assert parity.passed or dtype == torch.bfloat16, parity
    assert (parity.length_error > 1e-5) == (dtype == torch.bfloat16), parity
    assert parity.cosine > 0.999


def test_a_query_is_the_mean_of_the_films_it_is_like(encoder: ItemEncoder, package: Package) -> None:
    network = load_network(package.path, load_config(package.path))
    assert isinstance(network, FusionNetwork)
    assert network.query_head is not None
    known = network.query_head.vectors.numpy()
    films = [EncodeItem(title="A harbour"), EncodeItem(title="", poster=picture(3))]
    asked = [msgspec.structs.replace(item, query=True) for item in films]
    tokens = Tokens(package.path / TOKENIZER_FILE, 64)
    with torch.inference_mode():
        rows = {
            k: torch.from_numpy(v) for k, v in ModelInputs(films, tokens, encoder.config).rows([0, 1]).items()
        }
        states = token_states(network.bert, rows["input_ids"], rows["attention_mask"])
        text = pooled(states, rows["attention_mask"]) @ unit(network.base.text).T
        poster = poster_vector(network.vit(rows["pixels"]), rows["has_poster"]) @ unit(network.base.poster).T
    for alike, query in zip((text + poster).numpy(), asked, strict=True):
        shares = np.exp(20.0 * alike)
        want = shares @ known / shares.sum()
        assert np.allclose(vector(encoder, query), want, atol=1e-5)
    mixed = encoder.encode([films[0], asked[0], films[1]]).vectors
    assert np.allclose(mixed[0], vector(encoder, films[0]), atol=1e-6), "a film beside a query stays one"
    assert np.allclose(mixed[1], vector(encoder, asked[0]), atol=1e-6)


def test_a_bad_poster_is_its_own_films_error(encoder: ItemEncoder) -> None:
    films = [COLD, msgspec.structs.replace(COLD, poster=b"\xff\xd8 torn"), COLD]
    encoded = encoder.encode(films)
    assert encoded.errors[1] is not None
    assert "poster" in encoded.errors[1]
    assert not encoded.vectors[1].any()
    assert encoded.errors[::2] == [None, None]
    assert np.allclose(encoded.vectors[0], vector(encoder, COLD), atol=1e-6)


def test_films_of_any_length_in_one_batch_get_what_they_get_alone(encoder: ItemEncoder) -> None:
    films = [
        COLD,
        EncodeItem(title="B", poster=picture(5)),
        msgspec.structs.replace(COLD, text="word " * 300),
    ]
    together = encoder.encode(films).vectors
    for got, film in zip(together, films, strict=True):
        assert np.allclose(got, vector(encoder, film), atol=1e-5)


def test_a_rated_film_moves_little_when_poster_or_text_go(
    encoder: ItemEncoder, package: Package, folder: Path
) -> None:
    """(1 - a) of what its content alone moves: what ratings say stays."""
    table = load_table(package.path / "item_table.safetensors")
    weights = dict(zip(table.item_ids, table.weights.tolist(), strict=True))
    film = encode_items(list(load_items(folder / "data")))[0]
    a = weights[film.item_id]
    assert a > 0.3
    whole = msgspec.structs.replace(film, poster=picture(1), text="A long story.")
    for less in (msgspec.structs.replace(whole, poster=None), msgspec.structs.replace(whole, text="")):
        moved = vector(encoder, whole) - vector(encoder, less)
        # under no id it has no row: content alone
        nameless = [msgspec.structs.replace(one, item_id="") for one in (whole, less)]
        content = vector(encoder, nameless[0]) - vector(encoder, nameless[1])
        assert np.linalg.norm(content) > 1e-4
        assert np.allclose(moved, (1 - a) * content, atol=1e-5)


def test_another_catalogue_under_the_same_ids_gets_no_film_of_ours(
    encoder: ItemEncoder, folder: Path
) -> None:
    ours = encode_items(list(load_items(folder / "data")))[:3]
    for film in ours:
        foreign = msgspec.structs.replace(COLD, item_id=film.item_id)
        assert np.allclose(vector(encoder, foreign), vector(encoder, COLD), atol=1e-6)
        assert not np.allclose(vector(encoder, film), vector(encoder, COLD), atol=1e-3)


def test_what_was_weighed_at_nothing_is_not_run(trained: TrainedSpace, folder: Path) -> None:
    """No transformer, no ViT: the same vectors, and a poster alone is refused as what it is here.

    Nor does it answer queries, as older packages do not: these are read as films.
    """
    older = replace(
        trained,
        config=msgspec.structs.replace(trained.config, query=None),
        weights={name: of for name, of in trained.weights.items() if name != "query_head.vectors"},
    )
    blind = built(older, folder, "tiny-blind", poster=0.0, spread=0.0)
    assert set(blind.manifest.inputs) == set(READ)
    config = load_config(blind.path)
    assert not config.reads_posters
    encoder = ItemEncoder.load(blind.path)
    assert not encoder.reads_posters
    whole = load_network(blind.path, config)
    assert isinstance(whole, FusionNetwork)
    assert not whole.reads_posters
    whole.corrects = True
    films = [COLD, EncodeItem(title="B", year=1950, genres=("Drama",))]
    tokens = Tokens(blind.path / TOKENIZER_FILE, config.text_model.max_tokens)
    seeing = msgspec.structs.replace(config, reads_posters=True)
    rows = ModelInputs(films, tokens, seeing).rows([0, 1])
    with torch.inference_mode():
        want = whole(**{name: torch.from_numpy(value) for name, value in rows.items()}).numpy()
    assert np.linalg.norm(want) > 0
    assert np.allclose(encoder.encode(films).vectors, want, atol=1e-6)
    assert np.array_equal(
        vector(encoder, COLD), vector(encoder, msgspec.structs.replace(COLD, poster=picture(1)))
    )
    assert np.array_equal(vector(encoder, COLD), vector(encoder, msgspec.structs.replace(COLD, query=True)))
    packed_one = PackedNetwork(load_network(blind.path, config), torch.float32)
    assert packed_one.vit is None
    assert np.allclose(run(packed_one, packed(encoder.read(films).rows([0, 1]))), want, atol=1e-5)
    refused = encoder.encode([EncodeItem(title="", poster=picture(1)), COLD])
    assert refused.errors[0] == "title and text are both empty, and this encoder reads no posters"
    assert not refused.vectors[0].any()
    assert refused.errors[1] is None


@pytest.mark.full
@pytest.mark.timeout(900)
def test_native_code_takes_any_number_of_posters(package: Package) -> None:
    """None, one, and all: sizes that compilers like to take for constants. Last, for it compiles."""
    compile_package(package)
    compiled = ItemEncoder.load(package.path)
    assert compiled.engine.name == "aotinductor"
    plain = EagerEngine(package.path)
    films = [msgspec.structs.replace(COLD, poster=picture(i)) for i in range(3)]
    bare = [COLD, msgspec.structs.replace(COLD, title="Other")]
    for some in ([films[0]], [COLD], bare, films, [bare[0], films[1], bare[1]]):
        rows = compiled.read(some).rows(range(len(some)))
        np.testing.assert_allclose(
            compiled.engine.run(rows)["vector"], plain.run(rows)["vector"], atol=1e-5, rtol=1e-4
        )
