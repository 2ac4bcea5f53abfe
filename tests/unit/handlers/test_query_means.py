"""Searches go without what is said of any film told of as little; films keep all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from handlers.exceptions import PackageFileError
from handlers.items import EncodeItem
from handlers.query_means import BOTH, POSTER, TEXT, QueryMeans, load_query_means, save_query_means

MEANS = QueryMeans({TEXT: np.array([1, 0], np.float32), BOTH: np.array([0, 2], np.float32)})
SAID = np.array([[3, 3]], dtype=np.float32)


@pytest.mark.parametrize(
    ("item", "left"),
    [
        (EncodeItem(title="sea", query=True), [2, 3]),
        (EncodeItem(title="", text="sea", query=True), [2, 3]),
        (EncodeItem(title="sea", poster=b"p", query=True), [3, 1]),
        (EncodeItem(title=" ", poster=b"p", query=True), [3, 3]),
        (EncodeItem(title="sea"), [3, 3]),
        (EncodeItem(title="sea", poster=b"p"), [3, 3]),
    ],
    ids=["title", "text", "both", "a kind without a mean", "a film", "a film with its poster"],
)
def test_the_mean_of_its_kind_is_taken_off_a_query_alone(item: EncodeItem, left: list[float]) -> None:
    assert MEANS.centre([item], SAID)[0].tolist() == left
    assert SAID.tolist() == [[3, 3]], "not in place"


def test_means_survive_the_disk_and_older_packages_have_none(tmp_path: Path) -> None:
    path = tmp_path / "means.safetensors"
    assert load_query_means(path, 2).means == {}
    save_query_means(MEANS, path)
    read = load_query_means(path, 2)
    assert {kind: mean.tolist() for kind, mean in read.means.items()} == {TEXT: [1, 0], BOTH: [0, 2]}


@pytest.mark.parametrize(
    "mean",
    [np.ones(3, np.float32), np.ones(2, np.float64), np.array([np.nan, 1], np.float32)],
    ids=["another dimension", "another type", "not finite"],
)
def test_a_mean_that_does_not_fit_is_refused(tmp_path: Path, mean: np.ndarray) -> None:
    path = tmp_path / "means.safetensors"
    save_file({POSTER: mean}, path)
    with pytest.raises(PackageFileError, match="for poster no finite float32 vector of 2"):
        load_query_means(path, 2)


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "means.safetensors"
    save_query_means(MEANS, path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(PackageFileError, match="cannot be read"):
        load_query_means(path, 2)
